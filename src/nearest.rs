//! What a wrong name may have meant.

/// The name that is the fewest letters away, if half of the longer one is the same.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.into_iter().map(|other| (strsim::levenshtein(name, other), other)).min()?;
    (2 * near.0 <= name.chars().count().max(near.1.chars().count())).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn most_of_a_name_is_right() {
        let names = ["conv1.weight", "module.fc.weight", "bn.running_var"];
        assert_eq!(nearest("conv2.weight", names), Some("conv1.weight"));
        assert_eq!(nearest("bn1.running_var", names), Some("bn.running_var"));
        assert_eq!(nearest("module.fc.wieght", names), Some("module.fc.weight"));
        assert_eq!(nearest("fc.weight", names), Some("module.fc.weight"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
