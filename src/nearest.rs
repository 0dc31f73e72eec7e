//! What a wrong name may have meant.

/// The name that differs by what stands in front of a dot, else the one that is the fewest letters away, if half of the
/// longer one is the same.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let ends = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|front| front.ends_with('.'));
    let rank = |other| (!(ends(other, name) || ends(name, other)), strsim::levenshtein(name, other), other);
    let (unlike, distance, other) = names.into_iter().map(rank).min()?;
    (!unlike || 2 * distance <= name.chars().count().max(other.chars().count())).then_some(other)
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
        assert_eq!(nearest("model.bn.running_var", names), Some("bn.running_var"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
