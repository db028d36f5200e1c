//! The terminal: taken for the time of the view, and given back as it was, however the view ends, by a panic too.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::{Mutex, PoisonError};

use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::{Position, Rect, Size};
use ratatui_core::style::{Color, Modifier};
use ratatui_core::terminal::Terminal;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

use crate::run::{Failure, failed};

/// How many keys may wait; more are not read.
const KEYS_MAX: usize = 16;

/// Another screen, no cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// How the terminal was, while it is taken.
static TAKEN: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal, taken.
pub struct Screen {
    terminal: Terminal<Tty>,
}

impl Screen {
    /// Whether there is a terminal to take.
    ///
    /// # Errors
    /// [`Failure`] if there is none, or one that can only be written to.
    pub fn is_there() -> Result<(), Failure> {
        let is_one = io::stdin().is_terminal() && io::stdout().is_terminal();
        let is_dumb = std::env::var_os("TERM").is_none_or(|it| it.is_empty() || it == "dumb");
        if !is_one || is_dumb {
            return Err(Failure(
                "failed to show a view: it needs a terminal to be drawn on (stdin, stdout, and a TERM that is not dumb); run it \
                 in one, or add --json for one line an event"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Takes the terminal.
    ///
    /// # Errors
    /// [`Failure`] if it does not let itself be taken.
    pub fn take() -> Result<Self, Failure> {
        let before = tcgetattr(stdin()).map_err(failed("take the terminal"))?;
        let mut raw = before.clone();
        raw.make_raw();
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            earlier(panic);
        }));
        let entered = tcsetattr(stdin(), OptionalActions::Flush, &raw)
            .map_err(io::Error::from)
            .and_then(|()| io::stdout().write_all(ENTER.as_bytes()))
            .and_then(|()| Terminal::new(Tty::default()));
        match entered {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(failed("take the terminal")(error))
            }
        }
    }

    /// Draws a picture; only cells that differ are written.
    ///
    /// # Errors
    /// [`Failure`] if the terminal is gone.
    pub fn draw(&mut self, picture: impl FnOnce(Rect, &mut Buffer)) -> Result<(), Failure> {
        let drawn = self.terminal.draw(|frame| picture(frame.area(), frame.buffer_mut()));
        drawn.map(|_| ()).map_err(failed("draw on the terminal"))
    }

    /// What is typed, as it comes, by a thread of its own that ends with the process.
    ///
    /// # Errors
    /// [`Failure`] if there can be no thread.
    pub fn typed() -> Result<mpsc::Receiver<Vec<u8>>, Failure> {
        let (told, typed) = mpsc::channel(KEYS_MAX);
        let listen = move || {
            let mut bytes = [0; 64];
            while let Ok(count @ 1..) = io::stdin().lock().read(&mut bytes) {
                if told.blocking_send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(listen);
        thread.map(|_| typed).map_err(failed("start the thread that reads keys"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was, if it is taken.
fn give_back() {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = taken {
        let mut out = io::stdout().lock();
        // Who is gone cannot be given anything.
        let _left = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
        let _set = tcsetattr(stdin(), OptionalActions::Flush, &before);
    }
}

/// Writes cells as terminals have understood them for forty years.
#[derive(Default)]
struct Tty {
    out: String,
    cursor: Position,
}

impl Backend for Tty {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, cells: I) -> io::Result<()> {
        let mut next = None;
        let mut look = None;
        for (x, y, cell) in cells {
            if next != Some((x, y)) {
                let _ = write!(self.out, "\x1b[{};{}H", y + 1, x + 1);
            }
            if look != Some((cell.fg, cell.modifier)) {
                style(cell.fg, cell.modifier, &mut self.out);
                look = Some((cell.fg, cell.modifier));
            }
            self.out.push_str(cell.symbol());
            // All that the view draws is one column wide.
            next = Some((x + 1, y));
        }
        self.out.push_str("\x1b[0m");
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.out.push_str("\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.out.push_str("\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = position.into();
        let _ = write!(self.out, "\x1b[{};{}H", self.cursor.y + 1, self.cursor.x + 1);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.out.push_str(match region {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        let size = tcgetwinsize(stdout())?;
        Ok(Size::new(size.ws_col, size.ws_row))
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(self.out.as_bytes())?;
        self.out.clear();
        out.flush()
    }
}

fn style(colour: Color, modifier: Modifier, out: &mut String) {
    out.push_str("\x1b[0");
    for (one, code) in [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::REVERSED, 7)] {
        if modifier.contains(one) {
            let _ = write!(out, ";{code}");
        }
    }
    match colour {
        Color::Red => out.push_str(";31"),
        Color::Green => out.push_str(";32"),
        Color::Yellow => out.push_str(";33"),
        // The view has no other.
        _ => {}
    }
    out.push('m');
}
