use super::*;
use proptest::prelude::*;

#[derive(Debug, Default)]
struct Memory(Vec<Vec<u128>>);

impl Spill for Memory {
    type Error = &'static str;

    fn write_run(&mut self, run: usize, hashes: &[u128]) -> Result<(), Self::Error> {
        assert_eq!(run, self.0.len());
        self.0.push(hashes.to_vec());
        Ok(())
    }

    fn read(&mut self, run: usize, first: usize, out: &mut [u128]) -> Result<(), Self::Error> {
        let from =
            self.0.get(run).and_then(|run| run.get(first..first + out.len())).ok_or("outside the run")?;
        out.copy_from_slice(from);
        Ok(())
    }
}

proptest! {
    #[test]
    fn equals_a_set_of_keys(
        inserted in prop::collection::vec((0..3u32, "[ab]{0,4}"), 0..200),
        asked in prop::collection::vec((0..3u32, "[ab]{0,4}"), 0..200),
        table_max in 0..40usize,
    ) {
        let mut seen = SeenKeys::new([7; 16], table_max, Memory::default());
        let mut model = std::collections::HashSet::new();
        for (db, key) in &inserted {
            seen.insert(*db, key.as_bytes()).expect("memory");
            model.insert((*db, key.clone()));
        }
        for (db, key) in inserted.iter().chain(&asked) {
            let expected = model.contains(&(*db, key.clone()));
            prop_assert_eq!(seen.contains(*db, key.as_bytes()), Ok(expected));
        }
    }
}

#[test]
fn memory_stays_bounded_and_every_page_is_found() {
    let mut seen = SeenKeys::new([1; 16], 10_000, Memory::default());
    for number in 0..100_000u32 {
        seen.insert(0, &number.to_le_bytes()).expect("memory");
        assert!(seen.table.len() < 10_000);
    }
    assert_eq!(seen.runs(), 10);
    assert!((0..100_000u32).all(|number| seen.contains(0, &number.to_le_bytes()) == Ok(true)));
    assert!((100_000..200_000u32).all(|number| seen.contains(0, &number.to_le_bytes()) == Ok(false)));
    assert!((0..1000u32).all(|number| seen.contains(1, &number.to_le_bytes()) == Ok(false)), "the db counts");
}

#[test]
fn failures_of_the_storage_are_handed_on() {
    struct Full;
    impl Spill for Full {
        type Error = &'static str;
        fn write_run(&mut self, _: usize, _: &[u128]) -> Result<(), Self::Error> {
            Err("disk full")
        }
        fn read(&mut self, _: usize, _: usize, _: &mut [u128]) -> Result<(), Self::Error> {
            Err("gone")
        }
    }
    let mut seen = SeenKeys::new([1; 16], 1, Full);
    assert_eq!(seen.insert(0, b"k"), Err("disk full"));
    assert_eq!(seen.contains(0, b"k"), Ok(true), "what could not be spilled is still known");
}
