//! Telling others: channels and changed keys.

use redis_module::raw;

use crate::api::required;
use crate::context::WriteContext;
use crate::module::Calling;
use crate::string::{RedisStr, RedisString};

impl WriteContext<'_> {
    /// Publishes a message, in a cluster to all nodes; the number of this server's subscribers who got it.
    pub fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        self.publish_by(required!(RedisModule_PublishMessage), channel, message)
    }

    /// Publishes a message to the shard that owns the channel's slot.
    pub fn publish_shard(&self, channel: &[u8], message: &[u8]) -> usize {
        self.publish_by(required!(RedisModule_PublishMessageShard), channel, message)
    }

    fn publish_by(&self, publish: Publish, channel: &[u8], message: &[u8]) -> usize {
        let (channel, message) = (RedisString::new(channel), RedisString::new(message));
        let _calling = Calling::begin();
        // SAFETY: R11: a live context and live strings, which the server shares by counting.
        let receivers = unsafe { publish(self.as_ptr(), channel.as_ptr(), message.as_ptr()) };
        usize::try_from(receivers).unwrap_or_default()
    }

    /// Tells the server that a key has changed: WATCH and client-side caching see it.
    #[inline]
    pub fn signal_modified(&self, key: RedisStr<'_>) {
        let signal = required!(RedisModule_SignalModifiedKey);
        // SAFETY: R17: every context has a client; the key is a live string.
        unsafe { signal(self.as_ptr(), key.as_ptr()) };
    }
}

type Publish = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *mut raw::RedisModuleString,
    *mut raw::RedisModuleString,
) -> std::ffi::c_int;
