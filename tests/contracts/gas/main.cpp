// contract_gas FILE [--renew]: what everything costs, against the file of this version of the protocol. A
// price that moved is another protocol: --renew is for versions that no chain has yet.
#include <fstream>
#include <sstream>

#include "gas.h"

using namespace chengxin::contract;

namespace {

std::map<std::string, std::string> lines_of(std::istream& in) {
  std::map<std::string, std::string> out;
  for (std::string line; std::getline(in, line);) {
    const size_t tab = line.find('\t');
    CHECK(tab != line.npos);
    CHECK(out.emplace(line.substr(0, tab), line.substr(tab + 1)).second);
  }
  return out;
}

}  // namespace

int main(int count, char** words) {
  const std::string file = count > 1 ? words[1] : "";
  const bool renew = count == 3 && words[2] == std::string_view("--renew");
  if (file.empty() || count > 2 + renew) return 2;
  gas::Table table{3, {}};
  gas::wasm_prices(table);
  gas::evm_prices(table);
  gas::chain_prices(table);

  std::stringstream told;
  told << "what\tgas\n";
  for (const auto& [what, price] : table.lines) told << what << '\t' << price << '\n';
  if (renew) std::ofstream(file) << told.str();
  std::ifstream in(file);
  const auto golden = lines_of(in), now = lines_of(told);
  int bad = 0;
  const auto differs = [&](const std::string& what, const std::string& was, const std::string& is) {
    fmt::print("{}: {} in {}, now {}\n", what, was, file, is);
    ++bad;
  };
  for (const auto& [what, price] : golden)
    if (const auto found = now.find(what); found == now.end())
      differs(what, price, "not priced");
    else if (found->second != price)
      differs(what, price, found->second);
  for (const auto& [what, price] : now)
    if (!golden.contains(what)) differs(what, "nothing", price);
  fmt::print("{} prices, {} differ\n", table.lines.size(), bad);
  return bad > 0;
}
