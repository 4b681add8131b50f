//! In place of YARA where the feature `yara` is off: for fuzzing, which need not build it.

use std::time::Duration;

/// A rule that could not be used.
pub type RefusedRule = (String, usize, String);

/// Compiled rules, how many they are, and those refused (source, line, reason).
pub type Compiled = (Vec<u8>, u64, Vec<RefusedRule>);

/// Refuses every source.
#[must_use]
pub fn compile_yara(sources: &[(String, String)]) -> Compiled {
    let refused = sources.iter().map(|(name, _)| (name.clone(), 0, "built without YARA".to_owned()));
    (Vec::new(), 0, refused.collect())
}

#[derive(Clone)]
pub(crate) struct YaraRules;

impl YaraRules {
    pub(crate) fn read(_compiled: &[u8]) -> Result<Self, String> {
        Err("built without YARA".to_owned())
    }

    pub(crate) fn len(&self) -> usize {
        0
    }
}

pub(crate) struct Matcher<'r>(std::marker::PhantomData<&'r ()>);

impl<'r> Matcher<'r> {
    pub(crate) fn new(_rules: &'r YaraRules, _longest: Duration) -> Self {
        Matcher(std::marker::PhantomData)
    }

    pub(crate) fn family(&mut self, _bytes: &[u8]) -> Option<String> {
        None
    }
}
