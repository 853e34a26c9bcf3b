//! What a module must and must not have before it is compiled. Every limit here bounds what the compiler can be made
//! to do; every finding has a reason key that stays.
use super::{gas, host};
use serde_json::json;
use wasmparser::{ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures};

const MAX_SIZE: usize = 8 << 20;
const MAX_TYPES: u32 = 10_000;
const MAX_IMPORTS: u32 = 200;
const MAX_FUNCTIONS: u32 = 50_000;
const MAX_GLOBALS: u32 = 1_000;
const MAX_EXPORTS: u32 = 1_000;
const MAX_SEGMENTS: u32 = 100_000;
const MAX_PARAMETERS: usize = 64; // of a function, and as many results
const MAX_BODY: usize = 512 << 10;
const MAX_LOCALS: u32 = 2_000;
const MAX_BRANCHES: u32 = 10_000; // targets of all br_table of a function
const MAX_LOOPS: u32 = 50; // nested in a function
const MAX_COMPLEXITY: u64 = 10_000_000; // see Report; a Go module of 3 MB has 2 million

/// Without several results: two bytes that hand on 64 values keep the compiler busy for milliseconds.
pub const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG);

/// Counts and findings; a module without findings may be compiled.
#[derive(Default)]
pub struct Report {
    size: usize,
    pub functions: u32,
    largest_function: usize,
    memory_pages: u64,
    table_elements: u64,
    data_bytes: usize,
    pub globals: u32,
    floats: bool,
    imports: Vec<String>,
    exports: Vec<String>,
    /// What compiling takes beside size (docs/adr/0036). Of each function blocks × variables × nesting of loops, as its
    /// variables are followed through its blocks.
    pub complexity: u64,
    /// Of each function the square of its blocks, as they are compared with each other.
    pub squares: u64,
    pub instructions: u64,
    pub float_operations: u64, // each with what makes a NaN canonical
    pub calls: u64,            // of functions, of the host, and instructions that are calls of the engine
    pub initialises: bool,
    pub findings: Vec<(&'static str, String)>,
}

impl Report {
    pub fn json(&self) -> String {
        let findings: Vec<_> =
            self.findings.iter().map(|(reason, detail)| json!({"reason": reason, "detail": detail})).collect();
        json!({
            "size": self.size, "functions": self.functions, "largest_function": self.largest_function,
            "memory_pages": self.memory_pages, "table_elements": self.table_elements, "data_bytes": self.data_bytes,
            "complexity": self.complexity, "squares": self.squares, "instructions": self.instructions,
            "float_operations": self.float_operations, "calls": self.calls, "globals": self.globals, "floats": self.floats, "initialises": self.initialises,
            "imports": self.imports, "exports": self.exports, "findings": findings,
        })
        .to_string()
    }

    /// Each reason at most ten times, so that a report stays readable and small.
    fn find(&mut self, reason: &'static str, detail: impl Into<String>) {
        if self.findings.iter().filter(|(known, _)| *known == reason).count() < 10 {
            self.findings.push((reason, detail.into().chars().take(200).collect()));
        }
    }

    fn limit(&mut self, what: &str, found: impl Into<u64>, most: impl Into<u64>) {
        let (found, most) = (found.into(), most.into());
        if found > most {
            self.find("contract.scan.too_large", format!("{what}: {found}, at most {most}"));
        }
    }
}

pub fn scan(module: &[u8]) -> Report {
    let mut report = Report { size: module.len(), ..Report::default() };
    report.limit("bytes", module.len() as u64, MAX_SIZE as u64);
    if report.findings.is_empty() {
        if let Err(error) = sections(module, &mut report) {
            report.find("contract.scan.invalid", error.message());
        }
    }
    // Types are checked last: on what the tables above admit, so that an unknown opcode is not only "invalid".
    if report.findings.is_empty() {
        if let Err(error) = Validator::new_with_features(FEATURES).validate_all(module) {
            report.find("contract.scan.invalid", error.message());
        }
    }
    report
}

fn sections(module: &[u8], report: &mut Report) -> wasmparser::Result<()> {
    let mut types: Vec<FuncType> = Vec::new();
    let mut declared: Vec<u32> = Vec::new(); // type of each function, imported ones first
    let mut exported: Vec<(String, ExternalKind, u32)> = Vec::new();
    let mut bodies = 0; // seen
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::Version { encoding, .. } if encoding != wasmparser::Encoding::Module => {
                report.find("contract.scan.component", "a component, not a module");
                return Ok(());
            }
            Payload::TypeSection(section) => {
                report.limit("types", section.count(), MAX_TYPES);
                for ty in section.into_iter_err_on_gc_types().take(MAX_TYPES as usize) {
                    let ty = ty?;
                    report.limit("parameters", ty.params().len() as u64, MAX_PARAMETERS as u64);
                    report.limit("results", ty.results().len() as u64, MAX_PARAMETERS as u64);
                    types.push(ty);
                }
            }
            Payload::ImportSection(section) => {
                report.limit("imports", section.count(), MAX_IMPORTS);
                for import in section.into_imports().take(MAX_IMPORTS as usize) {
                    let import = import?;
                    let name = format!("{}.{}", import.module, import.name);
                    if let TypeRef::Func(index) = import.ty {
                        let ty = types.get(index as usize);
                        let expected = host::signature(import.module, import.name);
                        if expected.is_none() || ty.map(letters) != expected.map(str::to_owned) {
                            report.find("contract.scan.import", &name);
                        }
                        declared.push(index);
                    } else {
                        report.find("contract.scan.import", format!("{name}: not a function"));
                    }
                    report.imports.push(name);
                }
            }
            Payload::FunctionSection(section) => {
                report.functions = section.count();
                report.limit("functions", section.count(), MAX_FUNCTIONS);
                for index in section.into_iter().take(MAX_FUNCTIONS as usize) {
                    declared.push(index?);
                }
            }
            Payload::TableSection(section) => {
                report.limit("tables", section.count(), 1u64);
                for table in section.into_iter().take(1) {
                    report.table_elements = table?.ty.initial;
                }
                report.limit("table elements", report.table_elements, gas::MAX_TABLE);
            }
            Payload::MemorySection(section) => {
                report.limit("memories", section.count(), 1u64);
                for memory in section.into_iter().take(1) {
                    report.memory_pages = memory?.initial;
                }
                report.limit("memory pages", report.memory_pages, gas::MAX_PAGES);
            }
            Payload::TagSection(_) => report.find("contract.scan.opcode", "exceptions"),
            Payload::GlobalSection(section) => {
                report.globals = section.count();
                report.limit("globals", section.count(), MAX_GLOBALS);
            }
            Payload::ExportSection(section) => {
                report.limit("exports", section.count(), MAX_EXPORTS);
                for export in section.into_iter().take(MAX_EXPORTS as usize) {
                    let export = export?;
                    report.exports.push(export.name.to_owned());
                    exported.push((export.name.to_owned(), export.kind, export.index));
                }
            }
            Payload::StartSection { .. } => report.find("contract.scan.start_function", "_initialize is what runs once"),
            Payload::ElementSection(section) => {
                report.limit("element segments", section.count(), MAX_SEGMENTS);
                for element in section.into_iter().take(MAX_SEGMENTS as usize) {
                    if !matches!(element?.kind, wasmparser::ElementKind::Active { .. }) {
                        report.find("contract.scan.segment", "elements that are not active");
                    }
                }
            }
            Payload::DataSection(section) => {
                report.limit("data segments", section.count(), MAX_SEGMENTS);
                for data in section.into_iter().take(MAX_SEGMENTS as usize) {
                    let data = data?;
                    report.data_bytes += data.data.len();
                    if !matches!(data.kind, wasmparser::DataKind::Active { .. }) {
                        report.find("contract.scan.segment", "data that is not active");
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let imported = declared.len().saturating_sub(report.functions as usize);
                let ty = declared.get(imported + bodies).and_then(|index| types.get(*index as usize));
                bodies += 1;
                function(&body, ty.map_or(0, |ty| ty.params().len()), report);
            }
            _ => {}
        }
    }
    report.limit("complexity", report.complexity, MAX_COMPLEXITY);
    exports(&exported, &declared, &types, report);
    Ok(())
}

fn exports(exported: &[(String, ExternalKind, u32)], declared: &[u32], types: &[FuncType], report: &mut Report) {
    let plain = |index: u32| {
        let ty = declared.get(index as usize).and_then(|index| types.get(*index as usize));
        ty.is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty())
    };
    let find = |name: &str| exported.iter().find(|(known, _, _)| known == name);
    if !find("memory").is_some_and(|(_, kind, _)| *kind == ExternalKind::Memory) {
        report.find("contract.scan.export", "memory");
    }
    if !find("chengxin_call").is_some_and(|(_, kind, index)| *kind == ExternalKind::Func && plain(*index)) {
        report.find("contract.scan.export", "chengxin_call: () -> ()");
    }
    for name in ["_initialize", "chengxin_deploy"] {
        if find(name).is_some_and(|(_, kind, index)| *kind != ExternalKind::Func || !plain(*index)) {
            report.find("contract.scan.export", format!("{name}: () -> ()"));
        }
    }
    report.initialises = find("_initialize").is_some();
}

fn function(body: &FunctionBody, parameters: usize, report: &mut Report) {
    let size = body.range().len();
    report.largest_function = report.largest_function.max(size);
    report.limit("bytes of a function", size as u64, MAX_BODY as u64);
    let (mut locals, mut blocks, mut branches) = (0u32, 1u64, 0u32);
    let Ok(groups) = body.get_locals_reader() else { return report.find("contract.scan.invalid", "locals") };
    for group in groups {
        let Ok((count, ty)) = group else { return report.find("contract.scan.invalid", "locals") };
        locals = locals.saturating_add(count);
        report.floats |= matches!(ty, ValType::F32 | ValType::F64);
    }
    report.limit("locals of a function", locals, MAX_LOCALS);
    let mut open = Vec::new(); // of each construct that is not ended: whether it is a loop
    let (mut loops, mut deepest) = (0u32, 0u32);
    let Ok(operators) = body.get_operators_reader() else { return report.find("contract.scan.invalid", "code") };
    for operator in operators {
        report.instructions += 1;
        if let Ok(operator) = &operator {
            blocks += weigh(operator, report);
        }
        match operator {
            Ok(Operator::Loop { .. }) => {
                open.push(true);
                loops += 1;
                deepest = deepest.max(loops);
            }
            Ok(Operator::Block { .. } | Operator::If { .. }) => open.push(false),
            Ok(Operator::End) => loops -= u32::from(open.pop().unwrap_or(false)),
            Ok(Operator::BrTable { targets }) => {
                branches = branches.saturating_add(targets.len());
            }
            Ok(Operator::F32Const { .. } | Operator::F64Const { .. }) => report.floats = true,
            Ok(Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }) => {}
            Ok(other) if ["mvp", "sign_extension", "saturating_float_to_int"].contains(&proposal(&other)) => {}
            Ok(other) => report.find("contract.scan.opcode", format!("{}: {}", proposal(&other), name(&other))),
            Err(error) => return report.find("contract.scan.opcode", error.message()),
        }
    }
    report.limit("nested loops of a function", deepest, MAX_LOOPS);
    report.limit("branch targets of a function", branches, MAX_BRANCHES);
    let variables = parameters as u64 + u64::from(locals);
    report.complexity = report.complexity.saturating_add(blocks * variables * u64::from(1 + deepest));
    report.squares = report.squares.saturating_add(blocks * blocks);
}

/// Counts what takes long beside its size; how many blocks it is to the compiler.
fn weigh(operator: &Operator, report: &mut Report) -> u64 {
    use Operator::*;
    match operator {
        Block { .. } | If { .. } | Else | BrIf { .. } => 1,
        Loop { .. } => 2,
        BrTable { targets } => u64::from(targets.len()),
        Call { .. } | MemoryCopy { .. } | MemoryFill { .. } | MemoryGrow { .. } => {
            report.calls += 1;
            0
        }
        CallIndirect { .. } => {
            report.calls += 1;
            2
        }
        F32Ceil | F32Floor | F32Trunc | F32Nearest | F64Ceil | F64Floor | F64Trunc | F64Nearest => {
            report.calls += 1;
            0
        }
        F32Add | F32Sub | F32Mul | F32Div | F32Sqrt | F32Min | F32Max | F32DemoteF64
        | F64Add | F64Sub | F64Mul | F64Div | F64Sqrt | F64Min | F64Max | F64PromoteF32 => {
            report.float_operations += 1;
            0
        }
        _ => 0,
    }
}

/// `ii>I`: parameters, results; i and I for integers of 32 and 64 bits, f for floats, r for references.
fn letters(ty: &FuncType) -> String {
    let letter = |ty: &ValType| match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'I',
        ValType::F32 | ValType::F64 => 'f',
        _ => 'r',
    };
    ty.params().iter().map(letter).chain(['>']).chain(ty.results().iter().map(letter)).collect()
}

fn name(operator: &Operator) -> String {
    format!("{operator:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}

macro_rules! define_proposal {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        /// The extension of WebAssembly that an instruction came with.
        fn proposal(operator: &Operator) -> &'static str {
            match operator {
                $( Operator::$op $({ $($arg: _),* })? => stringify!($proposal), )*
                #[allow(unreachable_patterns)]
                _ => "simd",
            }
        }
    };
}
wasmparser::for_each_operator!(define_proposal);
