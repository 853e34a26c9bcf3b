#pragma once
#include "cli.h"

// Each adds a noun with its verbs to the command line.
namespace chengxin::app {

void add_install(CLI::App& app, Context& context);  // init, install seal, doctor
void add_serve(CLI::App& app, Context& context);
void add_evidence(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_chain(CLI::App& app, Context& context);  // chain, block, tx
void add_key(CLI::App& app, Context& context);
void add_crypto(CLI::App& app, Context& context);
void add_user(CLI::App& app, Context& context);
void add_recovery_verbs(CLI::App& user, Context& context);  // verbs of user
void add_token(CLI::App& app, Context& context);
void add_mirror(CLI::App& app, Context& context);
void add_backup(CLI::App& app, Context& context);
void add_originals(CLI::App& app, Context& context);
void add_audit(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_authority(CLI::App& app, Context& context);  // ca
void add_login(CLI::App& app, Context& context);
void add_gateway(CLI::App& app, Context& context);
void add_consortium(CLI::App& app, Context& context);
void add_contract(CLI::App& app, Context& context);                        // on a platform's chains
void add_contract_project_commands(CLI::App& contract, Context& context);  // verbs of contract
void add_credential(CLI::App& app, Context& context);
void add_pack(CLI::App& app, Context& context);
void add_pack_try(CLI::App& pack, Context& context);
void add_installed_pack_commands(CLI::App& pack, Context& context);  // verbs of pack
void add_wallet(CLI::App& app, Context& context);
void add_cluster(CLI::App& app, Context& context);      // a consortium on this machine
void add_bench_sm2(CLI::App& bench, Context& context);  // verbs of bench
void add_bench_cluster(CLI::App& bench, Context& context);

// Also of `chain create --consortium`.
void print_offer(const Json& offer);

}  // namespace chengxin::app
