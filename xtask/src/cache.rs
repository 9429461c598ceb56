//! The cache of downloads, outside the checkout: a second run is offline and fast.
//! A download is made under a temporary name and renamed when whole, so that a torn one is never used;
//! a lock file keeps two runs from making the same one. Does not know what is downloaded.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::say;

/// The cache folder: `$BACKSTOP_CACHE`, else `$XDG_CACHE_HOME/backstop`, else `~/.cache/backstop`.
///
/// # Errors
/// When none of the three variables (the last is `HOME`) is set.
pub fn folder() -> Result<PathBuf> {
    choose(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn choose(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    variable("BACKSTOP_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("backstop")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/backstop")))
        .context("no folder for downloads is known: set BACKSTOP_CACHE to one that may grow to 1 GB")
}

/// The folder `name` of the cache, made by `make` if it is not there yet. `make` gets an empty folder to fill.
///
/// # Errors
/// When the cache cannot be written, or `make` fails; nothing is left under `name` then.
pub fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    once_in(&folder()?, name, make)
}

fn once_in(cache: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let ready = cache.join(name);
    if ready.is_dir() {
        return Ok(ready);
    }
    fs::create_dir_all(cache).with_context(|| format!("create the cache folder {}", cache.display()))?;
    let _lock = lock(cache, name)?;
    if ready.is_dir() {
        return Ok(ready);
    }
    let torn = cache.join(format!("{name}.part"));
    if torn.exists() {
        fs::remove_dir_all(&torn).with_context(|| format!("remove the unfinished {}", torn.display()))?;
    }
    fs::create_dir_all(&torn).with_context(|| format!("create {}", torn.display()))?;
    make(&torn).with_context(|| format!("fill the cache folder {}", ready.display()))?;
    fs::rename(&torn, &ready).with_context(|| format!("rename {} to {}", torn.display(), ready.display()))?;
    Ok(ready)
}

/// Waits for the lock of `name`; it is held until the file is dropped, also by a crash.
fn lock(cache: &Path, name: &str) -> Result<File> {
    let path = cache.join(format!("{name}.lock"));
    let file = File::create(&path).with_context(|| format!("create the lock file {}", path.display()))?;
    if file.try_lock().is_err() {
        say(format!("waiting for another run that is making {name} in {}", cache.display()));
        file.lock().with_context(|| format!("lock {}", path.display()))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn the_first_variable_that_is_set_names_the_cache() {
        let rows = [
            (vec!["BACKSTOP_CACHE", "XDG_CACHE_HOME", "HOME"], "/BACKSTOP_CACHE"),
            (vec!["XDG_CACHE_HOME", "HOME"], "/XDG_CACHE_HOME/backstop"),
            (vec!["HOME"], "/HOME/.cache/backstop"),
        ];
        for (set, expected) in rows {
            let found = choose(|name| set.contains(&name).then(|| PathBuf::from(format!("/{name}"))));
            assert_eq!(found.expect("one is set"), PathBuf::from(expected));
        }
        assert!(choose(|_| None).is_err());
    }

    #[test]
    fn a_download_that_failed_is_made_again_and_a_whole_one_is_not() {
        let cache = tempfile::tempdir().expect("a folder");
        let torn = once_in(cache.path(), "thing", |folder| {
            fs::write(folder.join("half"), "x")?;
            anyhow::bail!("the network went away")
        });
        assert!(torn.is_err() && !cache.path().join("thing").exists());
        let made = once_in(cache.path(), "thing", |folder| Ok(fs::write(folder.join("whole"), "x")?)).expect("made");
        assert!(made.join("whole").exists() && !made.join("half").exists());
        once_in(cache.path(), "thing", |_| panic!("it is there already")).expect("found");
    }

    #[test]
    fn two_runs_make_a_download_once() {
        let cache = tempfile::tempdir().expect("a folder");
        let made = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    once_in(cache.path(), "thing", |_| {
                        made.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .expect("made or found")
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }
}
