//! Data sets and loaders.

mod dataset;
#[cfg(feature = "image")]
mod image_folder;
mod loader;
mod shuffle;
mod tensors;

pub use dataset::{Dataset, TensorDataset};
#[cfg(feature = "image")]
pub use image_folder::ImageFolder;
pub use loader::{Batches, DataLoader};
pub use tensors::Tensors;

pub use crate::random::Random;
