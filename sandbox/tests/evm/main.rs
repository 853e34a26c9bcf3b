//! The EVM engine against full revm, whose journal is a second implementation of ours and the dispatcher's.

mod bytecode;
mod faults;
mod random;
mod reference;
mod solidity;
mod vectors;
mod world;
