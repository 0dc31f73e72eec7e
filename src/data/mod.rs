//! Data sets and loaders.

mod dataset;
mod loader;
mod shuffle;
mod tensors;

pub use dataset::{Dataset, TensorDataset};
pub use loader::{Batches, DataLoader};
pub use tensors::Tensors;
