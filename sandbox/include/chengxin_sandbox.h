#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The engines of contracts (docs/formats/contract.md), and rules and schemas, behind one C interface. No
// panic and no unwinding crosses it: a panic inside is CX_HOST_FAULT, and callbacks must not throw.
// Everything is thread-safe that does not take the same non-const object twice. A call needs 384 KiB of
// native stack for each level of depth.
#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const uint8_t* data;
  size_t size;
} cx_bytes;  // borrowed until the call returns

typedef struct {
  uint8_t* data;
  size_t size;
} cx_buffer;  // owned by who receives it; cx_free() ends it; {NULL, 0} is empty

void cx_free(cx_buffer buffer);
// For what a callback answers: copies the bytes into a buffer that the sandbox frees.
cx_buffer cx_copy(cx_bytes bytes);
// Keccak-256 as Ethereum has it (the padding of before FIPS 202), for selectors and topics.
void cx_keccak256(cx_bytes bytes, uint8_t digest[32]);

typedef enum {
  CX_OK = 0,
  CX_ABSENT = 1,   // get, ask: there is none
  CX_REFUSED = 2,  // the call ends; the buffer, where there is one, holds a reason key
  CX_FAULT = 3,    // of the host (a disk that cannot be read): the node must stop rather than commit
} cx_verdict;

typedef enum {        // how a call ended
  CX_RETURNED = 0,    // output: return data
  CX_REVERTED = 1,    // output: revert data
  CX_OUT_OF_GAS = 2,  // gas_used is all of it
  CX_TRAPPED = 3,     // output: a reason key, and after ": " a detail; gas_used is all of it
  CX_HOST_FAULT = 4,  // output: for the log of the operator
} cx_ending;

typedef struct {
  cx_ending ending;
  uint64_t gas_used;  // never above the limit
  cx_buffer output;
} cx_outcome;

typedef enum { CX_CALL = 0, CX_STATIC = 1, CX_DELEGATE = 2, CX_CREATE = 3, CX_CREATE2 = 4 } cx_call_kind;

typedef struct {  // one call, whatever the language of who calls and who is called
  cx_call_kind kind;
  uint8_t to[20];    // CX_CREATE*: ignored
  uint8_t salt[32];  // CX_CREATE2
  cx_bytes input;    // call data; CX_CREATE*: init code
  uint64_t gas;
} cx_message;

enum { CX_MAX_DEPTH = 15 };  // of cx_context.depth: a call from there fails

typedef enum {             // arguments, joined without separators → answer
  CX_ASK_CALLER_NAME = 0,  // → the calling contract's name; absent: an account called
  CX_ASK_ATTRIBUTE = 1,    // address 20, name → value
  CX_ASK_CREDENTIAL = 2,   // address 20, kind → value
  CX_ASK_APPROVAL = 3,     // subject 32, kind → value
  CX_ASK_EVIDENCE = 4,     // digest 32, bundle → one byte, 1 or 0
  CX_ASK_SM2_VERIFY = 5,   // public key 65, signature 64, message → one byte, 1 or 0
  CX_ASK_SM3 = 6,          // bytes → 32
  CX_ASK_SM4_CBC = 7,      // 1 encrypts and 0 decrypts, key 16, iv 16, whole blocks → as many bytes
  CX_ASK_CODE = 8,         // digest 32 → the code with it: a prepared module, or EVM bytecode
  CX_ASK_CODE_AT = 9,      // address 20 → the EVM bytecode there; absent: none
  CX_ASK_CODE_HASH = 10,   // address 20 → 32, Keccak-256 of the EVM bytecode there; absent: none
  CX_ASK_CODE_SIZE = 11,   // address 20 → big-endian size of the EVM bytecode there; absent: none
  CX_ASK_BLOCK_HASH = 12,  // height, 8 bytes big-endian → 32; absent: none that is known (0 for the EVM)
} cx_question;

// What a call may ask. `self` names the frame: state, events and nested calls are those of the contract that
// runs in it. The host checkpoints: what a call that did not return did is undone by it. Answers depend on
// the chain's state and the arguments alone.
typedef struct {
  void* self;
  cx_verdict (*get)(void* self, cx_bytes key, cx_buffer* value);
  cx_verdict (*set)(void* self, cx_bytes key, const cx_bytes* value);  // null: erase
  // Keys in [from, to) ascending, to empty: no end. Big-endian count u32, then of each u32 length, key, u32
  // length, value; at most `limit`, and fewer rather than more than 1 MiB. `erased`: how many keys that were
  // erased may be passed on the way; afterwards how many were. Where one too many stood, the answer is empty.
  cx_verdict (*range)(void* self, cx_bytes from, cx_bytes to, uint32_t limit, uint64_t* erased,
                      cx_buffer* encoded);
  cx_verdict (*event)(void* self, const uint8_t* topics, uint32_t count,
                      cx_bytes data);  // topics: 32 bytes each
  cx_verdict (*ask)(void* self, uint32_t question, cx_bytes arguments, cx_buffer* answer);
  cx_verdict (*call)(void* self, const cx_message* message, cx_outcome* outcome);
  void (*log)(void* self, cx_bytes text);  // null outside tests and queries
} cx_host;

typedef struct {  // of the frame, constant while it runs
  uint8_t self_address[20], caller[20], origin[20];
  uint8_t chain[32], transaction[32], previous_block[32];
  uint64_t height;
  int64_t time_ms;
  uint32_t depth;     // 0: called by the transaction
  uint32_t protocol;  // selects gas table and hard fork
  uint8_t read_only;
} cx_context;

// WASM. Compiled code is kept in memory up to `memory_bytes` and as files in `folder` up to `folder_bytes`;
// the folder must be as trusted as the program (a damaged file is noticed and compiled anew, a forged one is
// not).
typedef struct cx_wasm cx_wasm;
cx_wasm* cx_wasm_open(const char* folder, size_t memory_bytes,
                      size_t folder_bytes);  // null folder: memory only
void cx_wasm_close(cx_wasm* engine);

// Whether a module may be deployed: CX_OK or CX_REFUSED (CX_FAULT: a panic). The report is JSON: counts,
// imports, exports and `findings`, each {"reason": "contract.scan.…", "detail": …}.
cx_verdict cx_wasm_scan(cx_bytes module, uint32_t protocol, cx_buffer* report);
// Scans, runs `_initialize` and answers with the module as it is after that (CX_RETURNED). The same on every
// machine. `gas_used` is that of what was done, however it ended, and pays for cx_wasm_compile too
// (docs/adr/0036).
cx_outcome cx_wasm_prepare(cx_bytes module, uint32_t protocol, uint64_t gas);
// For an author's tests, never for a chain. As cx_wasm_prepare, and each function of the module tells when it
// is entered: the first of them as number `from`. Its gas is not that of the module.
cx_outcome cx_wasm_cover(cx_bytes module, uint32_t protocol, uint64_t gas, uint32_t from);
// Names of the functions in this order, a JSON array; "" where the module's name section has none.
cx_buffer cx_wasm_functions(cx_bytes module);
// Numbers, big-endian u32 ascending, that were entered in this process since this was asked last.
cx_buffer cx_wasm_covered(void);
// Compiles a prepared module into the cache under the digest by which calls will name it. Part of every
// deployment: CX_REFUSED when it exceeds a limit of the compiler, the same on every machine; then calls of it
// trap.
cx_verdict cx_wasm_compile(cx_wasm* engine, const uint8_t digest[32], cx_bytes prepared);
// Runs the prepared module with this digest, asking the host for CX_ASK_CODE when the cache lacks it.
// CX_CREATE runs its constructor, `chengxin_deploy`, with the input as it is; a module without one takes no
// input. message->to and salt are not looked at.
cx_outcome cx_wasm_call(cx_wasm* engine, const uint8_t digest[32], const cx_context* context,
                        const cx_host* host, const cx_message* message);

// EVM, hard fork Osaka (docs/adr/0028-evm.md). A machine is used by one thread at a time and best kept by it:
// it holds analysed code (up to 16 MiB, by digest) and spare stacks, and of one transaction, over all frames,
// what Ethereum wants remembered: warm addresses and slots, their values, transient storage, the refund.
typedef struct cx_evm cx_evm;
cx_evm* cx_evm_new(void);
void cx_evm_free(cx_evm* evm);

// Before a transaction's first frame, whatever engine runs it. `called`: the contract, also one that is being
// created.
void cx_evm_begin(cx_evm* evm, const uint8_t origin[20], const uint8_t called[20]);
// Who dispatches takes a mark where it checkpoints its state, for frames of every engine, and rewinds where
// it rolls the state back: when the frame did not return.
uint64_t cx_evm_mark(const cx_evm* evm);
void cx_evm_rewind(cx_evm* evm, uint64_t mark);
// Of the transaction: what comes back of `gas_used`, all of its gas (EIP-3529: at most a fifth).
uint64_t cx_evm_refund(const cx_evm* evm, uint64_t gas_used);

// Runs the contract whose code has this digest, asking the host for CX_ASK_CODE the first time (absent: a
// host fault). Of the message, input and gas are looked at. CX_TRAPPED: "contract.trap.…", or what the host
// refused with.
cx_outcome cx_evm_call(cx_evm* evm, const uint8_t digest[32], const cx_context* context, const cx_host* host,
                       const cx_message* message);
// Runs init code (message->input, arguments behind it) as the contract context->self_address. CX_RETURNED:
// the output is the code to keep, already paid for, within the limits and without a finding of cx_evm_scan;
// empty code is none.
//
// Who dispatches a CX_CREATE* answers the frame that asked with the new address (20 bytes) as the output, or
// with the revert data; before, in this order: refuses when too deep (reverted, no gas), counts the creator's
// nonce up (from 1), computes the address by the functions below, touches it, refuses when something is there
// (trapped, all gas), takes the checkpoint.
cx_outcome cx_evm_create(cx_evm* evm, const cx_context* context, const cx_host* host,
                         const cx_message* message);
void cx_evm_touch(cx_evm* evm, const uint8_t address[20]);  // warm from now on
void cx_evm_create_address(const uint8_t creator[20], uint64_t nonce,
                           uint8_t address[20]);  // nonce before counting
void cx_evm_create2_address(const uint8_t creator[20], const uint8_t salt[32], cx_bytes init_code,
                            uint8_t address[20]);

// Ethereum's precompiles of the fork, and the platform's (docs/formats/contract.md), which ask `host`: that
// of the calling frame. Looked at are message->to, input and gas.
bool cx_evm_is_precompile(const uint8_t address[20]);
cx_outcome cx_evm_precompile(const cx_host* host, const cx_message* message);

// For an author's tests, never for a chain. From the first on, this thread keeps which instructions it
// executes; the second ends that: of each, ascending, contract 20, size of its code u32, offset u32.
void cx_evm_cover(void);
cx_buffer cx_evm_covered(void);

// As cx_wasm_scan; `creation`: init code, whose limit is 48 KiB instead of 24. Code that init code brings
// along is scanned when it is deployed.
cx_verdict cx_evm_scan(cx_bytes code, bool creation, uint32_t protocol, cx_buffer* report);
// First 4 bytes of Keccak-256 of a function's signature, "transfer(address,uint256)".
void cx_selector(cx_bytes signature, uint8_t selector[4]);

// Rules, CEL, and schemas, JSON Schema 2020-12 (docs/adr/0035-rules-and-schemas.md). All is JSON in UTF-8. A
// compiled one is constant: any number of threads may use it, until it is freed. Neither asks the network,
// files or the clock, and what they answer is the same on every machine. CX_REFUSED: the buffer is {"reason":
// "rule.…" or "schema.…", "detail"}, and of a rule, where it is known, "line" and "column" (characters) from
// 1. CX_FAULT: a panic, no buffer.
typedef struct cx_rule cx_rule;
// Up to 16 KiB. CX_OK: `rule` is there, to be freed.
cx_verdict cx_rule_compile(cx_bytes text, const cx_rule** rule, cx_buffer* error);
void cx_rule_free(const cx_rule* rule);
// Names that the rule reads, ascending: a JSON array of strings.
cx_buffer cx_rule_variables(const cx_rule* rule);
// `variables`: an object, up to 4 MiB. The budget is in steps: one for each operation, each element that a
// macro visits and each 16 bytes that are passed over; patterns cost more. CX_OK: the value.
cx_verdict cx_rule_evaluate(const cx_rule* rule, cx_bytes variables, uint64_t budget, cx_buffer* result);

// What the data of rules is made of (docs/adr/0047-types-and-sql-of-rules.md): variables, objects with their
// fields, dictionaries; a JSON object up to 4 MiB. CX_REFUSED: rules.environment.
typedef struct cx_environment cx_environment;
cx_verdict cx_environment_compile(cx_bytes text, const cx_environment** environment, cx_buffer* error);
void cx_environment_free(const cx_environment* environment);

// A rule with the types of its parts; it holds on to the rule and the environment.
typedef struct cx_typed cx_typed;

// `wanted`: the type that the rule has to give, JSON as in an environment; empty: any. CX_OK: `typed` is
// there, or it is null and the report lists all mistakes in the order of the text, each {"reason":
// "rules.type_…", "detail", "line", "column", and where there is one "mend"}. CX_REFUSED: `wanted` is no
// type.
cx_verdict cx_rule_check(const cx_rule* rule, const cx_environment* environment, cx_bytes wanted,
                         const cx_typed** typed, cx_buffer* report);
void cx_typed_free(const cx_typed* typed);

// The type that it gives, for people: a JSON string.
cx_buffer cx_typed_gives(const cx_typed* typed);

// What it reads of objects: {"fields": [[object, field]], "steps"}. No way along references has more steps.
cx_buffer cx_typed_reads(const cx_typed* typed);

// As cx_rule_evaluate; data and answer have the declared types.
cx_verdict cx_typed_evaluate(const cx_typed* typed, cx_bytes variables, uint64_t budget, cx_buffer* result);

// Where the fields of objects are in tables, JSON up to 4 MiB. CX_REFUSED: rules.sql_mapping.
typedef struct cx_mapping cx_mapping;
cx_verdict cx_mapping_compile(cx_bytes text, const cx_mapping** mapping, cx_buffer* error);
void cx_mapping_free(const cx_mapping* mapping);

// The condition that chooses the rows of which the rule over `it` is true. `variables`: all that it reads
// besides. CX_OK: {"text" with ? for each value, "values": [number, text or {"b": hex}]}. CX_REFUSED: also
// "rules.sql_…".
cx_verdict cx_typed_sql(const cx_typed* typed, bool postgresql, const cx_mapping* mapping, cx_bytes variables,
                        cx_buffer* result);

typedef struct cx_schema cx_schema;
// Up to 256 KiB. `formats`: "format" is asserted.
cx_verdict cx_schema_compile(cx_bytes text, bool formats, const cx_schema** schema, cx_buffer* error);
void cx_schema_free(const cx_schema* schema);
// `document` up to 1 MiB. CX_OK: an array of {"path": JSON pointer, "keyword", "message"} in this order, the
// first 100, empty when the document is valid. Messages do not repeat its values. Needs 2 MiB of native
// stack.
cx_verdict cx_schema_check(const cx_schema* schema, cx_bytes document, cx_buffer* report);

#ifdef __cplusplus
}
#endif
