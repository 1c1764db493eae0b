//! The values of keys under repair, asked of the source and planned.

use mirror_engine::Batch;
use mirror_engine::planner::Loss;
use redis_replica::rdb::{Entry, Validator};

use super::Planning;
use crate::link::LinkError;
use crate::link::control::{ControlError, SourceStand, SourceValue};
use crate::link::message::{FetchError, Values};

impl Planning {
    pub(super) fn fetch(&mut self, keys: &[(u32, Vec<u8>)]) -> Result<Values, FetchError> {
        let failed = |error: &dyn std::error::Error| FetchError::Failed(error.to_string());
        if self.load.is_some() {
            return Err(FetchError::Failed("a full resync is under way".to_owned()));
        }
        match self.control.values(keys) {
            Ok((stand, values)) => {
                self.check_history(&stand)?;
                self.plan_values(keys, &values, stand).map_err(|error| failed(&error))
            }
            Err(ControlError::TooLarge) if keys.len() > 1 => Err(FetchError::TooLarge),
            Err(ControlError::TooLarge) => self.leave_out(keys),
            Err(error) => Err(failed(&error)),
        }
    }

    fn check_history(&self, stand: &SourceStand) -> Result<(), FetchError> {
        match self.position {
            Some(position) if position.replid == stand.replid => Ok(()),
            _ => Err(FetchError::Failed("the source changed its history meanwhile".to_owned())),
        }
    }

    /// A key whose value is too large to be fetched: it goes, and is named.
    fn leave_out(&mut self, keys: &[(u32, Vec<u8>)]) -> Result<Values, FetchError> {
        let failed = |error: &dyn std::error::Error| FetchError::Failed(error.to_string());
        let stand = self.control.stand().map_err(|error| failed(&error))?;
        self.check_history(&stand)?;
        let limit = self.limits.map_or(0, |limits| limits.bytes as u64);
        let loss = Loss::TooLarge { what: "size", got: limit.saturating_add(1), limit };
        let mut batch = Batch::new();
        for (db, key) in keys {
            self.planner.left_out(*db, key, loss, &mut batch).map_err(|error| failed(&error))?;
        }
        Ok(Values { offset: stand.offset, batch, hides_expired: false, lacks_some: true })
    }

    fn plan_values(
        &mut self,
        keys: &[(u32, Vec<u8>)],
        values: &[SourceValue],
        stand: SourceStand,
    ) -> Result<Values, LinkError> {
        let mut batch = Batch::new();
        let limits = self.limits.map(|limits| limits.received().rdb).unwrap_or_default();
        let mut validator = Validator::new(limits);
        let losses = self.planner.counters().losses;
        for ((db, key), value) in keys.iter().zip(values) {
            let Some(payload) = &value.payload else {
                self.planner.absent(*db, key, &mut batch)?;
                continue;
            };
            match validator.dump(payload, self.control.family()) {
                Ok(object) => {
                    let entry = entry(*db, key, value.expire_at_ms, object);
                    let planned = batch.ops().len();
                    self.planner.snapshot_entry(&entry, &mut batch)?;
                    if batch.ops().len() == planned {
                        // What is here is not the source's, and what the source has can't be had.
                        self.planner.absent(*db, key, &mut batch)?;
                    }
                }
                // It would be the same the next time.
                Err(defect) => self.planner.left_out(*db, key, defect.into(), &mut batch)?,
            }
        }
        let lacks_some = self.planner.counters().losses > losses;
        Ok(Values { offset: stand.offset, batch, hides_expired: stand.is_replica, lacks_some })
    }
}

fn entry<'a>(
    db: u32,
    key: &'a [u8],
    expire_at_ms: Option<u64>,
    object: redis_replica::rdb::Object<'a>,
) -> Entry<'a> {
    Entry { db, key: key.into(), expire_at_ms, idle_seconds: None, freq: None, metadata_classes: 0, object }
}
