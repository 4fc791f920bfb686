//! Being written.
/// Being written.
pub struct SourceContext;
