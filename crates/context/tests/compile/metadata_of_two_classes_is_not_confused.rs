//! The handle of a class opens its own values only, there is one of it, and a value dies with its key.
use redis_context::{Error, KeyMeta, KeyMetaClass, RdbReader, ReadKey};

macro_rules! class {
    ($name:ident, $text:literal) => {
        struct $name;
        impl KeyMeta for $name {
            const NAME: &'static std::ffi::CStr = $text;
            const VERSION: u8 = 0;
            fn load(_: &mut RdbReader<'_>, _: u8) -> Result<Option<Self>, Error> {
                Ok(None)
            }
        }
    };
}
class!(One, c"ONE-");
class!(Two, c"TWO-");

fn confuse<'k>(key: &'k ReadKey<'_>, class: &KeyMetaClass<One>) -> Option<&'k Two> {
    key.meta(class)
}

fn copy(class: &KeyMetaClass<One>) -> KeyMetaClass<One> {
    *class
}

fn keep<'k>(key: ReadKey<'k>, class: &KeyMetaClass<One>) -> Option<&'k One> {
    key.meta(class)
}

fn main() {
    let _ = (confuse, copy, keep);
}
