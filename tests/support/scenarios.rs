//! How a suite lists its scenarios.

/// A phase of scenarios, each a function of a module of the suite; its name is the test's.
macro_rules! scenarios {
    ($stage:expr, $at_once:expr, [$($module:ident :: $name:ident,)+]) => {
        $crate::support::suite::Phase {
            at_once: $at_once,
            trials: vec![$(
                $crate::support::suite::scenario($stage, stringify!($name), $module::$name),
            )+],
        }
    };
}
