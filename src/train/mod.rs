//! Training loops.

mod history;
mod metric;
mod progress;
mod trainer;

pub use history::{Epoch, History};
pub use metric::{Accuracy, Metric};
pub use trainer::{Evaluation, Trainer};
