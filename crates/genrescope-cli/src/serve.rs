//! `genrescope serve`: the page and the HTTP API.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use genrescope::model::Model;
use genrescope::report::text::printable;
use genrescope_web::{Access, Settings, Token, app, serve};

use crate::exit::Ending;
use crate::library::Place;
use crate::models;
use crate::talk::Talk;
use crate::threads::Threads;

const EXAMPLES: &str = "\
Examples:
  genrescope serve                           then open the address that it prints
  genrescope serve --port 0 --model my-model.safetensors --model default
  genrescope serve --host 192.168.1.5        for other machines: they need the token in the address
  genrescope serve --db music.db             shows this library at /library
  curl -F file=@song.mp3 http://127.0.0.1:7373/api/v1/classify     while genrescope serve runs";

/// See and hear the genre over time in a browser
///
/// A page and an HTTP API on this machine alone, without any network: drop files or a folder, or let the microphone
/// listen; /library shows what `genrescope scan` made of your collection. The address is printed on standard output. With
/// --host other machines may ask that know the token in it; a browser lets a page use the microphone there only over
/// HTTPS. Recordings are never kept.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Listen on this port; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 7373)]
    port: u16,
    /// Listen on this address instead of this machine's own, for whoever has the token
    #[arg(long, value_name = "ADDR")]
    host: Option<String>,
    /// Judge by this model: best (unless `models default` says another), fast, an installed one, or a file; several
    /// can be chosen from
    #[arg(long, value_name = "NAME|FILE")]
    model: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    threads: Threads,
}

pub(crate) fn run(arguments: &Arguments, talk: &Talk) -> Result<Ending> {
    arguments.threads.start()?;
    let threads = arguments.threads.count();
    let models = arguments.models()?;
    let listener = arguments.listener()?;
    let address = listener.local_addr()?;
    let access = arguments.access()?;
    let url = match &access {
        Access::Loopback => format!("http://{address}/"),
        Access::Network { host, token } => {
            format!("http://{}/#token={}", authority(host, address), token.digits())
        }
    };
    let log = talk.clone();
    let settings = Settings {
        models,
        access,
        threads,
        scratch: std::env::temp_dir(),
        library: arguments.library()?,
        log: Box::new(move |message| log.error(message)),
    };
    let app = app(settings).context("no folder for uploads can be made in the temporary folder")?;
    let ready = || {
        talk.detail(&format!("{threads} threads; Ctrl-C ends"));
        let mut stdout = io::stdout();
        writeln!(stdout, "{url}").and_then(|()| stdout.flush())
    };
    serve(listener, app, ready).context("cannot serve")?;
    Ok(Ending::Interrupted)
}

impl Arguments {
    fn models(&self) -> Result<Vec<Model>> {
        if self.model.is_empty() {
            return Ok(vec![models::load(None)?]);
        }
        let models: Vec<Model> =
            self.model.iter().map(|choice| models::load(Some(choice))).collect::<Result<_>>()?;
        let names: Vec<&str> = models.iter().map(|model| model.header.name.as_str()).collect();
        if let Some(twice) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            bail!("two models are called `{}`; serve one of them", names[twice]);
        }
        Ok(models)
    }

    fn listener(&self) -> Result<TcpListener> {
        let here = IpAddr::from(Ipv4Addr::LOCALHOST);
        let host = self.host.as_deref();
        let addresses: Vec<SocketAddr> = match host {
            None => vec![(here, self.port).into()],
            Some(host) => (host.trim_matches(['[', ']']), self.port)
                .to_socket_addrs()
                .with_context(|| {
                    format!("--host {}: no such address; give one of this machine", printable(host))
                })?
                .collect(),
        };
        TcpListener::bind(&addresses[..]).with_context(|| {
            let host = host.map_or_else(|| here.to_string(), printable);
            format!("cannot listen on {host} port {}; choose another by --port, or --port 0", self.port)
        })
    }

    /// Beyond this machine only a library that was named is shown: it tells what its owner has, and where.
    fn library(&self) -> Result<Option<PathBuf>> {
        match (&self.host, self.place.is_given()) {
            (Some(_), false) => Ok(None),
            (_, true) => self.place.path().map(Some),
            (None, false) => Ok(self.place.path().ok()),
        }
    }

    fn access(&self) -> Result<Access> {
        let Some(host) = &self.host else { return Ok(Access::Loopback) };
        let token = Token::random().context("no random numbers for the token")?;
        Ok(Access::Network { host: host.trim_matches(['[', ']']).to_owned(), token })
    }
}

/// What a browser is told: the name that was given, or the address.
fn authority(host: &str, address: SocketAddr) -> String {
    match host.parse::<IpAddr>() {
        Ok(_) => address.to_string(),
        Err(_) => format!("{host}:{}", address.port()),
    }
}
