//! Fields that stand for missing values.

use std::collections::HashSet;

use super::number::{boolean, float};
use crate::Scalar;

/// What stands for a missing value in pandas.
const DEFAULT: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// What is read where a value is missing, from [`Options::fill`](super::Options::fill): a number in columns of numbers,
/// a text in columns of text.
#[derive(Clone, Debug)]
pub struct Fill(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Number(Scalar),
    Text(String),
}

impl<T: Into<Scalar>> From<T> for Fill {
    fn from(value: T) -> Self {
        Self(Kind::Number(value.into()))
    }
}

impl From<&str> for Fill {
    fn from(text: &str) -> Self {
        Self(Kind::Text(text.into()))
    }
}

impl From<String> for Fill {
    fn from(text: String) -> Self {
        Self(Kind::Text(text))
    }
}

/// Which fields are missing values, and what they become.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    texts: HashSet<Vec<u8>>,
    /// Those of the texts that are numbers: a field may write the same number another way.
    pub numbers: Vec<f64>,
    /// The length of the longest text.
    longest: usize,
    /// Whether one of the texts is True or False.
    pub has_bool: bool,
    /// What is read in the place of a missing number; without it, a float becomes NaN, and an integer is an error.
    pub number: Option<String>,
    /// What is read in the place of missing text.
    pub text: Option<String>,
}

impl Missing {
    pub fn new<'a>(keep_default: bool, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut missing =
            Self { texts: HashSet::new(), numbers: Vec::new(), longest: 0, has_bool: false, number: None, text: None };
        let default = DEFAULT.iter().copied().filter(|_| keep_default);
        default.chain(texts).for_each(|text| missing.add(text));
        missing
    }

    fn add(&mut self, text: &str) {
        self.has_bool |= boolean(text.as_bytes()).is_some();
        self.numbers.extend(float(text.as_bytes()));
        self.longest = self.longest.max(text.len());
        self.texts.insert(text.into());
    }

    pub fn fill(&mut self, fill: &Fill) {
        match &fill.0 {
            Kind::Text(text) => self.text = Some(text.clone()),
            Kind::Number(Scalar::Bool(value)) => self.number = Some(value.to_string()),
            Kind::Number(Scalar::Int(value)) => self.number = Some(value.to_string()),
            Kind::Number(Scalar::UInt(value)) => self.number = Some(value.to_string()),
            // NaN is what a missing number is anyway.
            Kind::Number(Scalar::Float(value)) => self.number = Some(format!("{value:?}")).filter(|_| !value.is_nan()),
        }
    }

    /// Whether a field is a missing value.
    pub fn is(&self, field: &[u8]) -> bool {
        let is_text = field.len() <= self.longest && self.texts.contains(field);
        is_text || !self.numbers.is_empty() && float(field).is_some_and(|value| self.numbers.contains(&value))
    }
}
