//! The module's sections in INFO.
//!
//! They appear in INFO MODULES and INFO EVERYTHING, or by name: section `links` of module `mirror` is
//! `mirror_links`, and its field `up` is `mirror_up`. The writers also run when the server crashes, to make
//! its crash report: on any thread, with whatever is locked locked. So they take no lock that another
//! thread may hold and allocate nothing; what lives on the main thread is reached through
//! [`InfoWriter::context`], which a crash report doesn't have.

use std::ffi::{CStr, c_int};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use redis_module::raw;

use crate::api::required;
use crate::context::{Context, LoadContext};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::string::RedisStr;

/// The longest name of a section or field, in bytes: the rest is cut.
pub const INFO_NAME_BYTES_MAX: usize = 127;

/// The longest text of a field, in bytes: the rest is cut.
pub const INFO_TEXT_BYTES_MAX: usize = 1023;

type Report = dyn Fn(&mut InfoWriter<'_>) + Send + Sync;

/// The writers, newest first. A list of leaked nodes, so that a crash report reads it without a lock.
struct Node {
    report: Box<Report>,
    next: *const Node,
}

static REPORTS: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());

impl LoadContext<'_> {
    /// Adds to INFO. `report` stays as long as the module is loaded; several run newest first. The INFO that a
    /// report asks for has nothing of the module.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub fn info(&self, report: impl Fn(&mut InfoWriter<'_>) + Send + Sync + 'static) -> Result<(), Error> {
        detached::prepare(self);
        let register = required!(RedisModule_RegisterInfoFunc);
        // SAFETY: R30: a live context; the callback is a function of this module.
        let status = unsafe { register(self.as_ptr(), Some(collect)) };
        if status != raw::REDISMODULE_OK as c_int {
            return Err(Error::Refused {
                function: "RedisModule_RegisterInfoFunc",
                reason: "no reason is given",
            });
        }
        let next = REPORTS.load(Ordering::Acquire);
        let node = Box::into_raw(Box::new(Node { report: Box::new(report), next }));
        REPORTS.store(node, Ordering::Release);
        Ok(())
    }
}

/// The module goes: should its code be loaded again, these writers are not called. They stay, for a crash report
/// may be reading them.
pub(crate) fn abandon() {
    REPORTS.store(ptr::null_mut(), Ordering::Release);
}

/// Whether the writers run for a client: one that asks for INFO itself would be called for ever.
static COLLECTING: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn collect(info: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    if for_crash_report == 0 && COLLECTING.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut next: *const Node = REPORTS.load(Ordering::Acquire);
    // SAFETY: R30: nodes are never freed nor changed.
    while let Some(node) = unsafe { next.as_ref() } {
        guard(
            "an INFO section",
            || (),
            || {
                if for_crash_report != 0 {
                    return (node.report)(&mut InfoWriter { info, context: None });
                }
                // SAFETY: R27: a client's INFO is answered on the main thread.
                unsafe { detached::with(|ctx| (node.report)(&mut InfoWriter { info, context: Some(ctx) })) }
            },
        );
        next = node.next;
    }
    if for_crash_report == 0 {
        COLLECTING.store(false, Ordering::Relaxed);
    }
}

/// Where a report goes.
pub struct InfoWriter<'a> {
    info: *mut raw::RedisModuleInfoCtx,
    context: Option<&'a Context<'a>>,
}

impl<'a> InfoWriter<'a> {
    /// Whether this is for a crash report: see the module's rules.
    pub fn for_crash_report(&self) -> bool {
        self.context.is_none()
    }

    /// A context, to reach the main thread's state with. `None` in a crash report.
    pub fn context(&self) -> Option<&'a Context<'a>> {
        self.context
    }

    /// Writes a section; `body` runs only if the client asked for it.
    pub fn section(&mut self, name: &str, body: impl FnOnce(&mut InfoSection<'_>)) {
        let add = required!(RedisModule_InfoAddSection);
        let name = Text::<{ INFO_NAME_BYTES_MAX + 1 }>::name(name);
        // SAFETY: R30: the callback's own INFO, which copies the name.
        let status = unsafe { add(self.info, name.as_c_str().as_ptr()) };
        if status == raw::REDISMODULE_OK as c_int {
            body(&mut InfoSection { info: self.info, context: self.context });
        }
    }
}

/// The fields of a section, or of a field that is itself a list of fields.
///
/// In names all but letters, digits, `_`, `-` and `.` becomes `_`; in texts line breaks, NUL and control bytes do.
pub struct InfoSection<'a> {
    info: *mut raw::RedisModuleInfoCtx,
    context: Option<&'a Context<'a>>,
}

impl<'a> InfoSection<'a> {
    /// A context, as [`InfoWriter::context`].
    pub fn context(&self) -> Option<&'a Context<'a>> {
        self.context
    }

    /// A whole number.
    pub fn int(&mut self, name: &str, value: i64) {
        let add = required!(RedisModule_InfoAddFieldLongLong);
        let name = Text::<{ INFO_NAME_BYTES_MAX + 1 }>::name(name);
        // SAFETY: R30: the callback's own INFO, which copies the name.
        unsafe { add(self.info, name.as_c_str().as_ptr(), value) };
    }

    /// A whole number without a sign.
    pub fn uint(&mut self, name: &str, value: u64) {
        let add = required!(RedisModule_InfoAddFieldULongLong);
        let name = Text::<{ INFO_NAME_BYTES_MAX + 1 }>::name(name);
        // SAFETY: R30: the callback's own INFO, which copies the name.
        unsafe { add(self.info, name.as_c_str().as_ptr(), value) };
    }

    /// A floating point number.
    pub fn double(&mut self, name: &str, value: f64) {
        let add = required!(RedisModule_InfoAddFieldDouble);
        let name = Text::<{ INFO_NAME_BYTES_MAX + 1 }>::name(name);
        // SAFETY: R30: the callback's own INFO, which copies the name.
        unsafe { add(self.info, name.as_c_str().as_ptr(), value) };
    }

    /// A truth value, as 1 or 0.
    pub fn bool(&mut self, name: &str, value: bool) {
        self.int(name, i64::from(value));
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let add = required!(RedisModule_InfoAddFieldCString);
        let name = Text::<{ INFO_NAME_BYTES_MAX + 1 }>::name(name);
        let value = Text::<{ INFO_TEXT_BYTES_MAX + 1 }>::value(value.as_ref());
        // SAFETY: R30: the callback's own INFO, which copies both.
        unsafe { add(self.info, name.as_c_str().as_ptr(), value.as_c_str().as_ptr()) };
    }

    /// A string of the server, without a copy; what [`InfoSection::text`] would change or cut is written as a text.
    pub fn string(&mut self, name: &str, value: &RedisStr<'_>) {
        let bytes = value.as_bytes();
        if bytes.len() > INFO_TEXT_BYTES_MAX || !bytes.iter().all(|&byte| is_text(byte)) {
            return self.text(name, bytes);
        }
        let add = required!(RedisModule_InfoAddFieldString);
        let name = Text::<{ INFO_NAME_BYTES_MAX + 1 }>::name(name);
        // SAFETY: R30: the callback's own INFO, which copies both.
        unsafe { add(self.info, name.as_c_str().as_ptr(), value.as_ptr()) };
    }

    /// A field of fields, `name:a=1,b=2`. They do not nest: the server ends one where the next begins.
    pub fn dict(&mut self, name: &str, body: impl FnOnce(&mut InfoFields<'_>)) {
        let (begin, end) =
            (required!(RedisModule_InfoBeginDictField), required!(RedisModule_InfoEndDictField));
        let name = Text::<{ INFO_NAME_BYTES_MAX + 1 }>::name(name);
        // SAFETY: R30: the callback's own INFO, which copies the name.
        if unsafe { begin(self.info, name.as_c_str().as_ptr()) } == raw::REDISMODULE_OK as c_int {
            body(&mut InfoFields(InfoSection { info: self.info, context: self.context }));
            // SAFETY: R30: the dictionary that was begun.
            unsafe { end(self.info) };
        }
    }
}

/// The fields inside one field.
pub struct InfoFields<'a>(InfoSection<'a>);

impl InfoFields<'_> {
    /// A whole number.
    pub fn int(&mut self, name: &str, value: i64) {
        self.0.int(name, value);
    }

    /// A whole number without a sign.
    pub fn uint(&mut self, name: &str, value: u64) {
        self.0.uint(name, value);
    }

    /// A floating point number.
    pub fn double(&mut self, name: &str, value: f64) {
        self.0.double(name, value);
    }

    /// A truth value, as 1 or 0.
    pub fn bool(&mut self, name: &str, value: bool) {
        self.0.bool(name, value);
    }

    /// A text. Commas and equals signs become `_` too.
    pub fn text(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = Text::<{ INFO_TEXT_BYTES_MAX + 1 }>::field(value.as_ref());
        self.0.text(name, value.as_c_str().to_bytes());
    }
}

/// Whether a text's byte leaves INFO's lines as they are.
fn is_text(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f
}

/// A C string on the stack.
struct Text<const SIZE: usize>([u8; SIZE]);

impl<const SIZE: usize> Text<SIZE> {
    fn copy(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> Self {
        let mut text = [0; SIZE];
        for (slot, &byte) in text[..SIZE - 1].iter_mut().zip(bytes) {
            *slot = if is_plain(byte) { byte } else { b'_' };
        }
        Self(text)
    }

    fn name(name: &str) -> Self {
        Self::copy(name.as_bytes(), |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    }

    fn value(value: &[u8]) -> Self {
        Self::copy(value, is_text)
    }

    fn field(value: &[u8]) -> Self {
        Self::copy(value, |byte| byte >= 0x20 && !b"\x7f,=".contains(&byte))
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_break_the_format() {
        assert_eq!(Text::<16>::name("a:b\r\nc%s").as_c_str(), c"a_b__c_s");
        assert_eq!(Text::<16>::value(b"a:b\r\n\0c,=").as_c_str(), c"a:b___c,=");
        assert_eq!(Text::<16>::field(b"a,b=c\n").as_c_str(), c"a_b_c_");
        assert_eq!(Text::<4>::value(b"abcdef").as_c_str(), c"abc");
        assert_eq!(Text::<4>::value(b"").as_c_str(), c"");
    }
}
