//! What holds of every bus, as long as nothing is lost. Each law plays on a [`Stage`]: two points of one bus, and how
//! one waits there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Bus, BusError, Listening, MESSAGE_BYTES_MAX, Respond};

/// How long something that must happen may take: never so long, unless it does not.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long somebody waits for an answer that does not come.
const SHORT: Duration = Duration::from_millis(60);

/// Two points of a bus.
pub(super) struct Stage {
    pub here: Arc<dyn Bus>,
    pub there: Arc<dyn Bus>,
    /// What has to be done for the bus to go on; `None` if it does so by itself.
    pub step: Option<Box<dyn Fn()>>,
}

/// What was heard, in order.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<(Mutex<Vec<Vec<u8>>>, Condvar)>);

impl Notes {
    pub fn add(&self, note: &[u8]) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(note.into());
        self.0.1.notify_all();
    }

    pub fn all(&self) -> Vec<Vec<u8>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn texts(&self) -> Vec<String> {
        self.all().iter().map(|note| String::from_utf8_lossy(note).into_owned()).collect()
    }

    fn wait(&self, span: Duration) {
        let notes = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_timeout(notes, span));
    }
}

impl Stage {
    /// Plays on until there are so many notes.
    pub fn until(&self, notes: &Notes, count: usize) {
        let ends = Instant::now() + PATIENCE;
        while notes.all().len() < count {
            let there = notes.all().len();
            assert!(Instant::now() < ends, "{there} of {count} were heard");
            match &self.step {
                Some(step) => step(),
                None => notes.wait(Duration::from_millis(2)),
            }
        }
    }

    /// Plays on until everything that was said before has been heard, at both points, and whoever listens is known at
    /// both.
    pub fn settle(&self) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        for (from, to) in [(&self.here, &self.there), (&self.there, &self.here)] {
            let subject = format!("settle.{}", NEXT.fetch_add(1, Ordering::Relaxed));
            let notes = Notes::default();
            let _listening = hear(&**to, &subject, &notes);
            while notes.all().is_empty() {
                from.publish(&subject, b"settled?");
                match &self.step {
                    Some(step) => step(),
                    None => notes.wait(Duration::from_millis(2)),
                }
            }
        }
    }
}

/// Notes what is said.
pub(super) fn hear(bus: &dyn Bus, subject: &str, notes: &Notes) -> Listening {
    let notes = notes.clone();
    bus.listen(subject, Box::new(move |message| notes.add(message))).expect("it is a subject")
}

/// Answers each question with itself and an exclamation mark.
pub(super) fn echo(bus: &dyn Bus, subject: &str) -> Listening {
    let answer = |question: &[u8], respond: Respond| respond.with(&[question, b"!"].concat());
    bus.answer(subject, Box::new(answer)).expect("it is a subject")
}

/// Asks, and notes what came of it.
pub(super) fn ask(
    bus: &dyn Bus,
    subject: &str,
    question: &[u8],
    patience: Duration,
    notes: &Notes,
) {
    let notes = notes.clone();
    let reply = move |answer: Result<Vec<u8>, BusError>| match answer {
        Ok(answer) => notes.add(&answer),
        Err(error) => notes.add(format!("{error:?}").as_bytes()),
    };
    bus.ask(subject, question, patience, Box::new(reply));
}

/// Every law.
pub(super) fn holds(stage: &Stage) {
    keeps_the_order_of_each_subject(stage);
    tells_everybody_who_listens(stage);
    ends_with_the_listening(stage);
    ends_for_what_waits_too(stage);
    answers_each_question_once(stage);
    answers_later_from_another_thread(stage);
    says_that_nobody_answers(stage);
    is_late_once(stage);
    believes_the_first_of_several(stage);
    carries_the_longest_and_refuses_what_is_longer(stage);
    refuses_what_is_no_subject(stage);
    may_be_used_from_within_a_call(stage);
    outlives_a_panic(stage);
    keeps_messages_and_questions_apart(stage);
}

fn keeps_the_order_of_each_subject(stage: &Stage) {
    let subjects = ["order.a", "order.b"];
    let notes = subjects.map(|_| Notes::default());
    let _listening = [0, 1].map(|at| hear(&*stage.there, subjects[at], &notes[at]));
    stage.settle();
    for number in 0..600_u32 {
        let message = [&number.to_le_bytes()[..], &vec![7; number as usize]].concat();
        stage.here.publish(subjects[number as usize % 2], &message);
    }
    for (at, notes) in notes.iter().enumerate() {
        stage.until(notes, 300);
        let all = notes.all();
        let numbers: Vec<u32> = all
            .iter()
            .map(|note| u32::from_le_bytes(note[..4].try_into().expect("four")))
            .collect();
        assert!(numbers.iter().copied().eq((at as u32..600).step_by(2)), "{numbers:?}");
        assert!(all.iter().zip(&numbers).all(|(note, number)| note.len() == 4 + *number as usize));
    }
}

fn tells_everybody_who_listens(stage: &Stage) {
    let notes = [(); 4].map(|()| Notes::default());
    let _listening = [
        hear(&*stage.here, "all", &notes[0]),
        hear(&*stage.there, "all", &notes[1]),
        hear(&*stage.there, "all", &notes[2]),
        hear(&*stage.there, "all.others", &notes[3]),
    ];
    stage.settle();
    stage.here.publish("all", b"one");
    stage.here.publish("nobody", b"unheard");
    stage.here.publish("all", b"");
    for notes in &notes[..3] {
        stage.until(notes, 2);
        assert_eq!(notes.texts(), ["one", ""]);
    }
    stage.settle();
    assert!(notes[3].all().is_empty(), "another subject");
}

fn ends_with_the_listening(stage: &Stage) {
    let (ended, goes_on) = (Notes::default(), Notes::default());
    let kept = Arc::new(());
    let held = (ended.clone(), Arc::clone(&kept));
    let heard = move |message: &[u8]| {
        let (notes, _kept) = &held;
        notes.add(message);
    };
    let listening = stage.there.listen("end", Box::new(heard)).expect("a subject");
    let _goes_on = hear(&*stage.there, "end", &goes_on);
    let answering = echo(&*stage.there, "end.ask");
    stage.settle();
    stage.here.publish("end", b"before");
    stage.until(&ended, 1);
    drop(listening);
    drop(answering);
    stage.settle();
    stage.here.publish("end", b"after");
    stage.until(&goes_on, 2);
    stage.settle();
    assert_eq!(ended.texts(), ["before"]);
    assert_eq!(goes_on.texts(), ["before", "after"]);
    assert_eq!(Arc::strong_count(&kept), 1, "what was called is kept no longer");
    let notes = Notes::default();
    ask(&*stage.here, "end.ask", b"", PATIENCE, &notes);
    stage.until(&notes, 1);
    assert_eq!(notes.texts(), ["Unanswered"]);
}

fn ends_for_what_waits_too(stage: &Stage) {
    let (notes, listening) = (Notes::default(), Arc::new(Mutex::new(None)));
    let (note, own, bus) = (notes.clone(), Arc::clone(&listening), Arc::downgrade(&stage.there));
    let heard = move |message: &[u8]| {
        note.add(message);
        let bus = bus.upgrade().expect("it is there as long as the stage");
        bus.publish("wait", b"in line already");
        drop(own.lock().unwrap_or_else(PoisonError::into_inner).take());
    };
    let heard = stage.there.listen("wait", Box::new(heard)).expect("a subject");
    *listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    stage.settle();
    stage.here.publish("wait", b"the first");
    stage.until(&notes, 1);
    stage.settle();
    assert_eq!(notes.texts(), ["the first"]);
}

fn answers_each_question_once(stage: &Stage) {
    let _answering = [echo(&*stage.there, "once"), echo(&*stage.here, "once.here")];
    stage.settle();
    let notes = Notes::default();
    for number in 0..200 {
        let subject = ["once", "once.here"][number % 2];
        ask(&*stage.here, subject, format!("{number}").as_bytes(), PATIENCE, &notes);
    }
    stage.until(&notes, 200);
    stage.settle();
    let mut answers = notes.texts();
    let mut expected: Vec<String> = (0..200).map(|number| format!("{number}!")).collect();
    answers.sort();
    expected.sort();
    assert_eq!(answers, expected);
}

fn answers_later_from_another_thread(stage: &Stage) {
    let kept: Arc<Mutex<Vec<Respond>>> = Arc::default();
    let (asked, answered) = (Notes::default(), Notes::default());
    let (keep, note) = (Arc::clone(&kept), asked.clone());
    let answer = move |question: &[u8], respond| {
        keep.lock().unwrap_or_else(PoisonError::into_inner).push(respond);
        note.add(question);
    };
    let _answering = stage.there.answer("later", Box::new(answer)).expect("a subject");
    stage.settle();
    for question in ["a", "b"] {
        ask(&*stage.here, "later", question.as_bytes(), PATIENCE, &answered);
    }
    stage.until(&asked, 2);
    assert!(answered.all().is_empty());
    let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    let answer = || {
        for (respond, question) in kept.into_iter().zip(asked.texts()).rev() {
            respond.with(format!("to {question}").as_bytes());
        }
    };
    thread::scope(|scope| scope.spawn(answer).join()).expect("it does not panic");
    stage.until(&answered, 2);
    assert_eq!(answered.texts(), ["to b", "to a"]);
}

fn says_that_nobody_answers(stage: &Stage) {
    let notes = Notes::default();
    ask(&*stage.here, "nobody", b"?", PATIENCE, &notes);
    stage.until(&notes, 1);
    stage.settle();
    assert_eq!(notes.texts(), ["Unanswered"]);
}

fn is_late_once(stage: &Stage) {
    let kept: Arc<Mutex<Option<Respond>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let answer = move |question: &[u8], respond| {
        // The other question's is dropped unused.
        if question == b"keep" {
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(respond);
        }
    };
    let _answering = stage.there.answer("late", Box::new(answer)).expect("a subject");
    stage.settle();
    let notes = Notes::default();
    ask(&*stage.here, "late", b"keep", SHORT, &notes);
    ask(&*stage.here, "late", b"drop", SHORT, &notes);
    stage.until(&notes, 2);
    let respond = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
    respond.expect("it was asked").with(b"too late");
    stage.settle();
    assert_eq!(notes.texts(), ["Late", "Late"]);
}

fn believes_the_first_of_several(stage: &Stage) {
    let answers = Notes::default();
    let answering = [(&stage.here, "here"), (&stage.there, "there"), (&stage.there, "too")];
    let _answering = answering.map(|(bus, name)| {
        let answers = answers.clone();
        let answer = move |_: &[u8], respond: Respond| {
            answers.add(name.as_bytes());
            respond.with(name.as_bytes());
        };
        bus.answer("several", Box::new(answer)).expect("a subject")
    });
    stage.settle();
    let notes = Notes::default();
    ask(&*stage.here, "several", b"", PATIENCE, &notes);
    stage.until(&answers, 3);
    stage.until(&notes, 1);
    stage.settle();
    assert_eq!(notes.all().len(), 1);
}

fn carries_the_longest_and_refuses_what_is_longer(stage: &Stage) {
    let longest: Vec<u8> = (0..MESSAGE_BYTES_MAX).map(|at| (at % 251) as u8).collect();
    let longer = vec![0; MESSAGE_BYTES_MAX + 1];
    let (heard, replies) = (Notes::default(), Notes::default());
    let _listening = hear(&*stage.there, "long", &heard);
    let answer = |question: &[u8], respond: Respond| {
        let extra = usize::from(question == b"longer");
        respond.with(&vec![1; MESSAGE_BYTES_MAX + extra]);
    };
    let _answering = stage.there.answer("long.ask", Box::new(answer)).expect("a subject");
    stage.settle();
    let before = [&stage.here, &stage.there].map(|bus| bus.standing());
    stage.here.publish("long", &longer);
    stage.here.publish("long", &longest);
    stage.until(&heard, 1);
    assert!(heard.all() == [longest.as_slice()], "another message");
    ask(&*stage.here, "long.ask", &longer, PATIENCE, &replies);
    assert_eq!(replies.texts(), ["TooLong(524289)"], "told at once");
    ask(&*stage.here, "long.ask", b"longer", SHORT, &replies);
    stage.until(&replies, 2);
    assert_eq!(replies.texts()[1], "Late");
    ask(&*stage.here, "long.ask", &longest, PATIENCE, &replies);
    stage.until(&replies, 3);
    assert!(replies.all()[2] == vec![1; MESSAGE_BYTES_MAX], "another answer");
    let after = [&stage.here, &stage.there].map(|bus| bus.standing());
    // Both points may be the same.
    assert!(after[0].refused > before[0].refused, "{after:?}");
    assert!(after[1].refused > before[1].refused, "{after:?}");
    assert!(after.iter().zip(&before).all(|(after, before)| after.lost == before.lost));
}

fn refuses_what_is_no_subject(stage: &Stage) {
    for subject in ["", ".", "a..b", ".a", "a.", "a b", "a.*", "a.>", "ä", &"a".repeat(129)] {
        let before = stage.here.standing().refused;
        stage.here.publish(subject, b"");
        assert_eq!(stage.here.standing().refused, before + 1, "{subject}");
        let listening = stage.here.listen(subject, Box::new(|_| ()));
        assert!(matches!(listening, Err(BusError::Subject(_))), "{subject}");
        let answering = stage.here.answer(subject, Box::new(|_, _| ()));
        assert!(matches!(answering, Err(BusError::Subject(_))), "{subject}");
        let notes = Notes::default();
        ask(&*stage.here, subject, b"", PATIENCE, &notes);
        assert!(notes.texts()[0].starts_with("Subject("), "{subject}");
    }
}

fn may_be_used_from_within_a_call(stage: &Stage) {
    let notes = Notes::default();
    let (bus, note, inner) = (Arc::downgrade(&stage.there), notes.clone(), Mutex::new(None));
    let heard = move |_: &[u8]| {
        let bus = bus.upgrade().expect("it is there as long as the stage");
        let replaced = hear(&*bus, "within.more", &note);
        // The first of these listens to itself; the next ends that, from within its own call.
        drop(inner.lock().unwrap_or_else(PoisonError::into_inner).replace(replaced));
        ask(&*bus, "within.ask", b"asked", PATIENCE, &note);
        bus.publish("within.said", b"said");
        assert_eq!(bus.standing().down, None);
    };
    let _listening = stage.there.listen("within", Box::new(heard)).expect("a subject");
    let _said = hear(&*stage.there, "within.said", &notes);
    let _answering = echo(&*stage.here, "within.ask");
    stage.settle();
    stage.here.publish("within", b"");
    stage.until(&notes, 2);
    stage.here.publish("within", b"");
    stage.until(&notes, 4);
    stage.settle();
    stage.here.publish("within.more", b"more");
    stage.until(&notes, 5);
    stage.settle();
    let mut texts = notes.texts();
    texts.sort();
    assert_eq!(texts, ["asked!", "asked!", "more", "said", "said"]);
}

fn outlives_a_panic(stage: &Stage) {
    let notes = Notes::default();
    let panics = |_: &[u8]| panic!("on purpose, to see what becomes of the bus");
    let _panics = stage.there.listen("panic", Box::new(panics)).expect("a subject");
    let _listening = hear(&*stage.there, "panic", &notes);
    stage.settle();
    stage.here.publish("panic", b"1");
    stage.here.publish("panic", b"2");
    stage.until(&notes, 2);
    assert_eq!(notes.texts(), ["1", "2"]);
    stage.settle();
}

fn keeps_messages_and_questions_apart(stage: &Stage) {
    let (heard, asked, replies) = (Notes::default(), Notes::default(), Notes::default());
    let _listening = hear(&*stage.there, "apart.said", &heard);
    let note = asked.clone();
    let answer = move |question: &[u8], _: Respond| note.add(question);
    let _answering = stage.there.answer("apart.asked", Box::new(answer)).expect("a subject");
    stage.settle();
    ask(&*stage.here, "apart.said", b"a question", SHORT, &replies);
    stage.here.publish("apart.asked", b"a message");
    stage.until(&replies, 1);
    stage.settle();
    assert_eq!((heard.all().len(), asked.all().len()), (0, 0));
    assert!(["Late", "Unanswered"].contains(&&*replies.texts()[0]), "{:?}", replies.texts());
}
