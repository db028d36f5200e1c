use super::*;

#[test]
fn each_folder_above_is_made_durable_whoever_made_it() {
    let path = std::env::temp_dir().join(format!("rialto-disk-{}/new/journal", std::process::id()));
    let folder = Folder::open(&path).expect("a new folder");
    folder.create("file").and_then(|mut file| write_all(file.as_mut(), b"abc")).expect("a file");
    let names = folder.names().expect("names");
    assert_eq!((&*names, folder.bytes("file").ok()), (&["file".to_owned()][..], Some(3)));
    folder.remove("file").expect("it is there");
    assert!(folder.names().expect("names").is_empty());
    fs::remove_dir_all(path.ancestors().nth(2).expect("ours")).expect("it is there");

    let mut synced = Vec::new();
    let sync = |folder: &Path| {
        synced.push(folder.to_owned());
        match folder == Path::new("/data") {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => Ok(()),
        }
    };
    sync_above(Path::new("/data/of/ours/journal"), sync).expect("it does not end at a stranger's");
    assert_eq!(synced, ["/data/of/ours", "/data/of", "/data", "/"].map(PathBuf::from));
    let broken = sync_above(&path, |_| Err(io::Error::from_raw_os_error(5)));
    assert!(broken.is_err(), "what failed is told");
}

#[test]
fn what_is_appended_takes_the_place_of_the_zeros_that_were_prepared() {
    let path = std::env::temp_dir().join(format!("rialto-prepared-{}", std::process::id()));
    let folder = Folder::open(&path).expect("a new folder");
    let mut file = folder.create("file").expect("a file");
    write_all(file.as_mut(), b"abc").expect("room");
    file.prepare(100_000).expect("room");
    assert_eq!(folder.bytes("file").ok(), Some(100_003));
    write_all(file.as_mut(), b"def").expect("room");
    let read = folder.read("file").expect("it is there");
    assert_eq!((&read[..6], read.len()), (&b"abcdef"[..], 100_003));
    assert!(read[6..].iter().all(|&byte| byte == 0));
    file.seal().expect("it is there");
    assert_eq!(folder.read("file").ok().as_deref(), Some(&b"abcdef"[..]));
    write_all(file.as_mut(), b"ghi").expect("room");
    assert_eq!(folder.read("file").ok().as_deref(), Some(&b"abcdefghi"[..]));
    fs::remove_dir_all(&path).expect("it is there");
}
