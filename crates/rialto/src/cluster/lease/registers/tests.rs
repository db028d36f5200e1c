//! What a machine is called, in a folder of its own.

use super::*;

#[test]
fn a_machine_keeps_its_name_and_who_is_interrupted_while_it_is_set_aside_is_another() {
    let folder = std::env::temp_dir().join(format!("rialto-machine-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a new folder");
    assert_eq!(set_aside(&folder).expect("it may be read"), None, "it has none yet");
    let first = this_machine(&folder).expect("one is drawn");
    assert_eq!(this_machine(&folder).expect("it is kept"), first);
    assert_eq!(set_aside(&folder).expect("it is taken away"), Some(first));
    assert_eq!(named(&folder, first).expect("it is put back"), first);
    assert_eq!(this_machine(&folder).expect("it is kept"), first);
    // It ends in between: what it had promised by its name it may not have any more.
    let _gone = set_aside(&folder).expect("it is taken away");
    let second = this_machine(&folder).expect("another one is drawn");
    assert_ne!(second, first);
    assert_ne!(another_machine(&folder).expect("one more"), second);
    std::fs::write(folder.join(FILE), "").expect("it is ours");
    for read in [this_machine(&folder).map(Some), set_aside(&folder)] {
        let Failure(words) = read.expect_err("it is no name");
        assert!(words.contains("remove it, and another name is drawn"), "{words}");
    }
    let _gone = std::fs::remove_dir_all(folder);
}
