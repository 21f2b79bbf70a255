//! One page per verb.
