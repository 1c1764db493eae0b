//! Turns of the event loop that the upkeep asks for: while nobody asks the server anything it makes ten a second, and a
//! slice in each would take minutes for what ends in one moment.

use redis_context::{Context, Error, MainCell, Waker};

/// What wakes the loop, once it was needed, and whether it has.
#[derive(Default)]
struct Turns {
    waker: Option<Waker>,
    is_woken: bool,
}

static TURNS: MainCell<Option<Turns>> = MainCell::new(None);

/// Has the next turn come at once.
pub fn next(ctx: &Context<'_>) -> Result<(), Error> {
    let mut turns = TURNS.try_borrow_mut(ctx)?;
    let Turns { waker, is_woken } = turns.get_or_insert_default();
    match waker {
        Some(waker) => waker.wake(),
        None => waker.insert(Waker::new(ctx)?).wake(),
    }
    *is_woken = true;
    Ok(())
}

/// A turn has come: the loop may sleep again.
pub fn begun(ctx: &Context<'_>) {
    if let Ok(mut turns) = TURNS.try_borrow_mut(ctx)
        && let Some(Turns { waker: Some(waker), is_woken }) = turns.as_mut()
        && std::mem::take(is_woken)
    {
        waker.drain(ctx);
    }
}
