//! A walk over the keys of a scope, in steps that fit into slices.

use std::ops::ControlFlow;
use std::sync::Arc;

use mirror_engine::Scope;
use mirror_engine::scope::Dbs;
use redis_context::{Context, ScanCursor, ScanProgress};

/// Dbs beyond this are not looked for: the servers' `databases` is far below.
const DB_END: u32 = 1 << 20;

/// Where a walk is. It visits every key that exists during all of it, perhaps twice.
pub struct ScopeScan {
    scope: Arc<Scope>,
    dbs: Vec<u32>,
    cursor: ScanCursor,
}

impl ScopeScan {
    /// A walk over all of the scope.
    pub fn new(ctx: &Context<'_>, scope: &Arc<Scope>) -> Self {
        Self::over(ctx, scope, dbs(ctx, scope))
    }

    /// A walk over the scope's part of one db.
    pub fn of_db(ctx: &Context<'_>, scope: &Arc<Scope>, db: u32) -> Self {
        Self::over(ctx, scope, vec![db])
    }

    fn over(ctx: &Context<'_>, scope: &Arc<Scope>, mut dbs: Vec<u32>) -> Self {
        dbs.reverse();
        Self { scope: Arc::clone(scope), dbs, cursor: ScanCursor::new(ctx) }
    }

    /// Takes one step and collects the keys of the scope that it met. The answer names their db; `None` is
    /// the end.
    pub fn step(&mut self, ctx: &Context<'_>, met: &mut Vec<Vec<u8>>) -> Option<u32> {
        let db = *self.dbs.last()?;
        let scope = &self.scope;
        let progress = match ctx.select_db(db) {
            Ok(()) => self.cursor.step(ctx, |_, name, _| {
                if scope.contains(db, name.as_bytes()) {
                    met.push(name.as_bytes().to_vec());
                }
                ControlFlow::Continue(())
            }),
            Err(_) => ScanProgress::Done,
        };
        if progress != ScanProgress::More {
            self.cursor.restart();
            self.dbs.pop();
        }
        Some(db)
    }
}

/// The dbs of this server that a scope may touch, in rising order. The db that is selected stays so: in a
/// command it is the client's.
pub fn dbs(ctx: &Context<'_>, scope: &Scope) -> Vec<u32> {
    match scope.dbs() {
        Dbs::These(dbs) => dbs,
        Dbs::All => (0..DB_END).take_while(|db| ctx.with_db(*db, || ()).is_ok()).collect(),
    }
}
