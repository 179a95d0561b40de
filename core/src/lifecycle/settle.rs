//! Every combination of facts reaches a fixed point and stays there.
