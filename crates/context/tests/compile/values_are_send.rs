//! The server drops values on any thread: a value holds no server string.
use redis_context::{AofWriter, Error, NativeType, RdbReader, RdbWriter, RedisStr, RedisString};

struct Texts(Vec<RedisString>);

impl NativeType for Texts {
    const NAME: &'static std::ffi::CStr = c"texts-0-1";
    const VERSION: u16 = 0;
    fn save(&self, writer: &mut RdbWriter<'_>) {
        self.0.iter().for_each(|text| writer.string(text));
    }
    fn load(reader: &mut RdbReader<'_>, _version: u16) -> Result<Self, Error> {
        Ok(Self(vec![reader.string()?]))
    }
    fn rewrite(&self, _key: RedisStr<'_>, _aof: &mut AofWriter<'_>) {}
}

fn main() {}
