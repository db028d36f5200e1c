//! The thread and its register, which is a place in memory here, over a bus within the process.

use std::time::Instant;

use feed::bus::Respond;
use feed::bus::local::Local;
use feed::journal::copy::tap::tap;

use super::*;

const ME: Machine = [1; 16];
const OTHER: Machine = [2; 16];
/// How long what must happen may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// An entry and its number.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Option<(u64, String)>>>);

impl Shelf {
    fn holding(lease: &Lease) -> Self {
        Self(Arc::new(Mutex::new(Some((7, lease.to_text())))))
    }

    fn lease(&self) -> Lease {
        let entry = self.0.lock().expect("nobody panics").clone();
        Lease::of_text(&entry.expect("there is one").1).expect("it is one of ours")
    }
}

impl Register for Shelf {
    fn name(&self) -> String {
        "the test".to_owned()
    }
    fn read(&mut self) -> Result<Option<(u64, String)>, String> {
        Ok(self.0.lock().expect("nobody panics").clone())
    }
    fn replace(&mut self, revision: Option<u64>, text: &str) -> Result<Option<u64>, String> {
        let mut entry = self.0.lock().expect("nobody panics");
        if entry.as_ref().map(|it| it.0) != revision {
            return Ok(None);
        }
        let next = revision.unwrap_or(0) + 1;
        *entry = Some((next, text.to_owned()));
        Ok(Some(next))
    }
}

fn lease(holder: Machine, term: u64) -> Lease {
    Lease { holder, term, run: [9; 16], heir: None, name: "there".to_owned() }
}

fn begun(shelf: &Shelf, bus: &Arc<dyn Bus>) -> Result<Tenure, Failure> {
    let me = (ME, [8; 16], "here".to_owned());
    Tenure::begin(Box::new(shelf.clone()), me, true, (bus, &Subjects::of("tenure")))
}

fn bus() -> Arc<dyn Bus> {
    Arc::new(Local::start().expect("a thread"))
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let ends = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < ends, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn only_whoever_has_the_lease_or_finds_none_begins_and_each_time_in_a_later_term() {
    let bus = bus();
    let held = begun(&Shelf::holding(&lease(OTHER, 3)), &bus);
    let Failure(words) = held.err().expect("another machine has it");
    assert!(words.contains("its lease in the test is held by there, in term 3"), "{words}");
    for (shelf, term) in [(Shelf::default(), 1), (Shelf::holding(&lease(ME, 3)), 4)] {
        let tenure = begun(&shelf, &bus).expect("nobody else has it");
        assert_eq!((shelf.lease().holder, shelf.lease().term), (ME, term));
        assert_eq!(tenure.license()(), Ok(()));
    }
}

#[test]
fn a_license_that_is_refused_stays_so_and_the_lease_is_renewed_no_more() {
    let (bus, shelf) = (bus(), Shelf::default());
    let revision = |shelf: &Shelf| shelf.0.lock().expect("nobody panics").clone().map(|it| it.0);
    let tenure = begun(&shelf, &bus).expect("nobody has it");
    let license = tenure.license();
    until("it is renewed", || revision(&shelf) > Some(1));
    tenure.give_up("the disk is full");
    let refused = Err("this machine is the core no more: the disk is full".to_owned());
    assert_eq!((license(), license()), (refused.clone(), refused));
    assert_eq!(tenure.lost().why().as_deref(), Some("the disk is full"));
    // Its thread ends, after what it was about to do.
    until("the thread is over", || Arc::strong_count(tenure.shared()) == 2);
    let last = revision(&shelf);
    assert_eq!((license().is_err(), revision(&shelf)), (true, last));

    // And it ends by itself where another machine has it.
    let shelf = Shelf::default();
    let tenure = begun(&shelf, &bus).expect("nobody has it");
    *shelf.0.lock().expect("nobody panics") = Some((99, lease(OTHER, 2).to_text()));
    until("it is lost", || tenure.lost().is_so());
    assert!(tenure.license()().is_err_and(|why| why.contains("there is the core")));
}

#[test]
fn what_a_standby_has_counts_once_it_is_named_and_nobody_elses_does() {
    let (bus, shelf) = (bus(), Shelf::default());
    let tenure = begun(&shelf, &bus).expect("nobody has it");
    let subject = Subjects::of("tenure").standby(&hex(OTHER));
    let here = |_: &[u8], respond: Respond| respond.with(&Answer::Here(OTHER).to_bytes());
    let _answering = bus.answer(&subject, Box::new(here)).expect("a subject");
    let (_tap, outlet) = tap();
    tenure.of(outlet.gauge(), Sequence(5));
    let counts = |machine, up_to| {
        let mut counts = false;
        tenure.kept(machine, Sequence(up_to), || counts = true);
        counts
    };
    assert!(!counts(OTHER, 4), "it is not named");
    let ends = Instant::now() + Duration::from_secs(3);
    while Instant::now() < ends {
        assert!(!counts(OTHER, 4) && !counts([3; 16], 9), "it lacks what was found");
        thread::sleep(Duration::from_millis(50));
    }
    until("it is named", || counts(OTHER, 5));
    assert_eq!(shelf.lease().heir, Some(OTHER));
    assert!(!counts([3; 16], 9), "of one that does not answer");
}
