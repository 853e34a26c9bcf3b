//! For an author's tests, never for a chain: a module whose functions tell when they are entered. Its gas is not that of
//! the module.
use super::{gas, run, scan, snapshot};
use crate::abi::{self, Outcome};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Mutex;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, EntityType, ImportSection, Instruction, TypeSection, ValType};
use wasmparser::{CustomSectionReader, FunctionBody, ImportSectionReader, KnownCustom, Name, Parser, Payload, TypeRef, TypeSectionReader};

pub const IMPORT: &str = "covered";

/// Numbers of the functions that were entered since they were taken last, of all modules of the process.
static ENTERED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

pub fn entered(number: u32) {
    ENTERED.lock().unwrap_or_else(|broken| broken.into_inner()).insert(number);
}

pub fn take() -> Vec<u8> {
    let all = std::mem::take(&mut *ENTERED.lock().unwrap_or_else(|broken| broken.into_inner()));
    all.into_iter().flat_map(u32::to_be_bytes).collect()
}

struct Cover {
    from: u32, // number of the first function of the module
    imported: u32,
    kind: u32, // type of the import
    bodies: u32,
}

type Done = Result<(), Error<Infallible>>;

impl Reencode for Cover {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(if index < self.imported { index } else { index + 1 })
    }

    fn parse_type_section(&mut self, types: &mut TypeSection, section: TypeSectionReader) -> Done {
        wasm_encoder::reencode::utils::parse_type_section(self, types, section)?;
        self.kind = types.len();
        types.ty().function([ValType::I32], []);
        Ok(())
    }

    fn parse_import_section(&mut self, imports: &mut ImportSection, section: ImportSectionReader) -> Done {
        wasm_encoder::reencode::utils::parse_import_section(self, imports, section)?;
        imports.import("chengxin", IMPORT, EntityType::Function(self.kind));
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody) -> Done {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        function.instruction(&Instruction::I32Const((self.from + self.bodies) as i32));
        function.instruction(&Instruction::Call(self.imported));
        self.bodies += 1;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            function.instruction(&self.parse_instruction(&mut reader)?);
        }
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut wasm_encoder::Module, _: CustomSectionReader) -> Done {
        Ok(())
    }
}

fn imported(module: &[u8]) -> wasmparser::Result<u32> {
    let mut count = 0;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                count += u32::from(matches!(import?.ty, TypeRef::Func(_)));
            }
        }
    }
    Ok(count)
}

/// As `snapshot::prepare`, of a module that imports something.
pub fn prepare(module: &[u8], protocol: u32, limit: u64, from: u32) -> Outcome {
    let refused = |detail: String| Outcome::new(abi::TRAPPED, limit, detail);
    let Some(prices) = gas::prices(protocol) else { return run::fault("protocol version") };
    let report = scan::scan(module);
    if let Some((reason, detail)) = report.findings.first() {
        return refused(format!("{reason}: {detail}"));
    }
    let imported = match imported(module) {
        Ok(count) if count > 0 => count,
        _ => return refused("contract.scan.import: nothing".into()),
    };
    let mut cover = Cover { from, imported, kind: 0, bodies: 0 };
    let mut out = wasm_encoder::Module::new();
    if let Err(error) = cover.parse_core_module(&mut out, Parser::new(0), module) {
        return refused(format!("contract.scan.invalid: {error}"));
    }
    match snapshot::initialise(&out.finish(), &report, prices, limit) {
        Ok((prepared, left)) => Outcome::new(abi::RETURNED, limit - left, prepared),
        Err(error) => refused(format!("contract.scan.initialise: {error:?}")),
    }
}

fn name_of_each(module: &[u8]) -> wasmparser::Result<Vec<String>> {
    let first = imported(module)?;
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::FunctionSection(section) => names.resize(section.count() as usize, String::new()),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(parts) = section.as_known() else { continue };
                for part in parts {
                    let Name::Function(map) = part? else { continue };
                    for naming in map {
                        let naming = naming?;
                        if let Some(name) = naming.index.checked_sub(first).and_then(|index| names.get_mut(index as usize)) {
                            *name = naming.name.to_owned();
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// Names of the module's functions in their order, as JSON; empty where its name section has none.
pub fn names(module: &[u8]) -> String {
    serde_json::Value::from(name_of_each(module).unwrap_or_default()).to_string()
}
