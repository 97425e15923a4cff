//! Standard output. Whoever reads it may stop reading at any time, which is no error.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

/// Writes to standard output. The process ends quietly when nobody reads any more.
pub fn write(text: Arguments<'_>) {
    if let Err(error) = std::io::stdout().lock().write_fmt(text) {
        let code = if error.kind() == ErrorKind::BrokenPipe { 0 } else { 1 };
        std::process::exit(code);
    }
}

/// Like `println!`, for answers.
#[macro_export]
macro_rules! outln {
    () => { $crate::out::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::out::write(format_args!("{}\n", format_args!($($text)*))) };
}

/// Like `print!`, for answers.
#[macro_export]
macro_rules! out {
    ($($text:tt)*) => { $crate::out::write(format_args!($($text)*)) };
}
