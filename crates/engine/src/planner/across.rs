//! Commands with keys on both sides of the filter.

use super::step::{Outcome, Planned, Step};
use crate::args::{Args, is_word};
use crate::batch::OpKind;
use crate::command::{Command, KeyArgs, Rule, row};

impl<A: Args + ?Sized> Step<'_, A> {
    /// At least one written key is in scope, and at least one key is not. Splits what consists of independent parts,
    /// takes the part that a known loss of the inner key is, and fetches the rest.
    pub(super) fn across(&mut self, keys: KeyArgs) -> Outcome {
        let first_inside = self.scope.takes(self.args.arg(0));
        match self.command.rule {
            Rule::Delete => self.inner_part(keys, self.command, 1),
            Rule::MSet => self.inner_part(keys, const { row("mset") }, 2),
            Rule::MSetEx => self.mset_ex(keys),
            Rule::Rename if first_inside => self.delete_first(),
            Rule::MoveElement if first_inside => self.pop_moved_element(keys),
            Rule::SMove => self.half_of_smove(),
            _ => self.refetch(keys),
        }
    }

    /// The keys in scope, each with the arguments that belong to it.
    fn inner_part(&mut self, keys: KeyArgs, command: &'static Command, each: usize) -> Outcome {
        let scope = self.scope;
        let args = self.args;
        for (key, _) in keys.iter().filter(|(key, _)| scope.takes(args.arg(*key))) {
            self.put_key(key)?;
            (key + 1..key + each).try_for_each(|at| self.put(at))?;
        }
        self.emit(OpKind::Call, Some(command))
    }

    /// An element leaves the mirrored list for one outside: a pop.
    fn pop_moved_element(&mut self, keys: KeyArgs) -> Outcome {
        let pop = match self.command.name() {
            "lmove" | "blmove" if is_word(&self.args, 2, "LEFT") => const { row("lpop") },
            "lmove" | "blmove" if is_word(&self.args, 2, "RIGHT") => const { row("rpop") },
            "rpoplpush" | "brpoplpush" => const { row("rpop") },
            _ => return self.refetch(keys),
        };
        self.put_key(0)?;
        self.emit(OpKind::Call, Some(pop))
    }

    /// One of the two sets is in scope: the member leaves it, or comes to it.
    fn half_of_smove(&mut self) -> Outcome {
        let leaves = self.scope.takes(self.args.arg(0));
        let (key, command) = if leaves { (0, const { row("srem") }) } else { (1, const { row("sadd") }) };
        self.put_key(key)?;
        self.put(2)?;
        self.emit(OpKind::Call, Some(command))?;
        Ok(Planned::Done)
    }
}
