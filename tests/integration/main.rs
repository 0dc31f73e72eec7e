//! Kiln's tests from outside, in one program: it is linked once, and its devices are opened once.
//!
//! A test has its [`devices`](kiln_tests::devices) for itself, but not [`Device::cpu`](kiln::Device::cpu), the seed of
//! [`manual_seed`](kiln::manual_seed), the current folder, and whatever else belongs to the process. Tests of these are
//! programs of their own beside this folder.

mod accuracy;
mod architecture;
mod arguments;
mod attention;
mod csv;
mod display;
mod dtypes;
mod engine;
mod errors;
mod generated;
mod goldens;
mod half;
mod image;
mod indices;
mod io;
mod limits;
mod long;
mod loss;
mod mapped;
mod nonfinite;
mod ops;
mod profiles;
mod promotion;
mod random_graphs;
mod safetensors;
mod scan;
mod second_order;
mod selection;
mod state_dict;
mod threads;
mod train;
mod trainer;
mod training;
mod views;
mod windows;
mod written;
