//! Commands that tell the positions of their keys or channels by themselves.

use std::ffi::c_int;
use std::marker::PhantomData;

use redis_module::raw;

use super::flags::KeyAccess;
use super::handler::{Handler, conjure, dispatch};
use crate::api::required;
use crate::args::Args;
use crate::guard::guard;
use crate::module::arguments;

bitflags::bitflags! {
    /// How a command uses a channel.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ChannelAccess: u32 {
        /// The argument is a pattern.
        const PATTERN = 1 << 0;
        /// It is published to.
        const PUBLISH = 1 << 1;
        /// It is subscribed to.
        const SUBSCRIBE = 1 << 2;
        /// It is unsubscribed from.
        const UNSUBSCRIBE = 1 << 3;
    }
}

/// A question for the positions of keys or channels (COMMAND GETKEYS, ACL checks, cluster routing). Position
/// 0 is the command's name. There is no context: nothing but the arguments may decide.
pub struct Positions<'a> {
    ctx: *mut raw::RedisModuleCtx,
    argv: &'a [*mut raw::RedisModuleString],
    channels: bool,
    role: PhantomData<*mut &'a mut ()>,
}

impl<'a> Positions<'a> {
    /// The arguments after the command's name.
    pub fn args(&self) -> Args<'a> {
        // SAFETY: R11: the arguments stay until the callback has returned.
        unsafe { Args::new(self.argv, 1) }
    }

    /// The argument at `position` is a key. Positions outside the arguments are left out.
    pub fn key(&mut self, position: usize, access: KeyAccess) {
        let flags = c_int::try_from(access.bits()).unwrap_or_default();
        if let (Some(position), false) = (self.checked(position), self.channels) {
            let report = required!(RedisModule_KeyAtPosWithFlags);
            // SAFETY: R14: the server has asked for keys, and the position is one of an argument.
            unsafe { report(self.ctx, position, flags) };
        }
    }

    /// The argument at `position` is a key that is used in every way: RW, ACCESS and UPDATE. Positions outside the
    /// arguments are left out.
    pub fn key_with_full_access(&mut self, position: usize) {
        if let (Some(position), false) = (self.checked(position), self.channels) {
            let report = required!(RedisModule_KeyAtPos);
            // SAFETY: R14: the server has asked for keys, and the position is one of an argument.
            unsafe { report(self.ctx, position) };
        }
    }

    /// The argument at `position` is a channel. Positions outside the arguments are left out.
    pub fn channel(&mut self, position: usize, access: ChannelAccess) {
        let flags = c_int::try_from(access.bits()).unwrap_or_default();
        if let (Some(position), true) = (self.checked(position), self.channels) {
            let report = required!(RedisModule_ChannelAtPosWithFlags);
            // SAFETY: R14: the server has asked for channels, and the position is one of an argument.
            unsafe { report(self.ctx, position, flags) };
        }
    }

    fn checked(&self, position: usize) -> Option<c_int> {
        let valid = (1..self.argv.len()).contains(&position);
        if valid { c_int::try_from(position).ok() } else { None }
    }
}

pub(super) fn entry<H, P>(_handler: H, _positions: P) -> raw::RedisModuleCmdFunc
where
    H: Handler,
    P: Fn(&mut Positions<'_>) + Copy + 'static,
{
    const { assert!(size_of::<H>() == 0, "a handler captures nothing: keep its state in a MainCell") };
    const { assert!(size_of::<P>() == 0, "a closure for positions captures nothing") };
    Some(trampoline::<H, P>)
}

unsafe extern "C" fn trampoline<H, P>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int
where
    H: Handler,
    P: Fn(&mut Positions<'_>) + Copy + 'static,
{
    let (asks_keys, asks_channels) = asked(ctx);
    if asks_keys || asks_channels {
        // SAFETY: R11: the arguments stay until the callback has returned.
        let argv = unsafe { arguments(argv, argc) };
        let mut positions = Positions { ctx, argv, channels: asks_channels, role: PhantomData };
        // SAFETY: R13: `entry` was given a value of P, which is Copy.
        guard("a command's positions", || (), || unsafe { conjure::<P>() }(&mut positions));
        return raw::REDISMODULE_OK as c_int;
    }
    // SAFETY: R13: `entry` was given a value of H, which is Copy.
    unsafe { dispatch::<H>(ctx, argv, argc, 1, conjure::<H>()) }
}

fn asked(ctx: *mut raw::RedisModuleCtx) -> (bool, bool) {
    let keys = required!(RedisModule_IsKeysPositionRequest);
    let channels = required!(RedisModule_IsChannelsPositionRequest);
    // SAFETY: R14: the context of this callback.
    unsafe { (keys(ctx) != 0, channels(ctx) != 0) }
}
