//! The pages of the native API: one list, of which both the way to each page and the OpenAPI document are made.

use std::future::Future;
use std::pin::Pin;

use ::http::Method;
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths,
};

use super::problem::{Code, Problem};
use super::reply::Answered;
use super::visit::Visit;
use super::{account, connections, index, market, orders, perpetual, reading};

/// Where all of it is.
pub(crate) const PREFIX: &str = "/rialto/v1";

type Answering<'v> = Pin<Box<dyn Future<Output = Answered> + Send + 'v>>;
/// Answers a request.
pub(crate) type Serve = for<'v, 'a> fn(&'v mut Visit<'a>) -> Answering<'v>;

/// A page.
pub(crate) struct Page {
    pub method: Method,
    /// The path, a part each; what stands in braces is a parameter.
    parts: Vec<String>,
    pub serve: Serve,
    describe: fn(&mut Description),
}

/// What the document is made of.
#[derive(Default)]
struct Description {
    paths: Paths,
    schemas: Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
}

/// All pages.
pub(crate) fn pages() -> Vec<Page> {
    vec![
        page::<market::__path_status>(|visit| Box::pin(market::status(visit))),
        page::<market::__path_state>(|visit| Box::pin(market::state(visit))),
        page::<market::__path_instruments>(|visit| Box::pin(market::instruments(visit))),
        page::<market::__path_instrument>(|visit| Box::pin(market::instrument(visit))),
        page::<market::__path_book>(|visit| Box::pin(market::book(visit))),
        page::<market::__path_trades>(|visit| Box::pin(market::trades(visit))),
        page::<market::__path_candles>(|visit| Box::pin(market::candles(visit))),
        page::<market::__path_ticker>(|visit| Box::pin(market::ticker(visit))),
        page::<market::__path_openapi>(|visit| Box::pin(market::openapi(visit))),
        page::<market::__path_demo>(|visit| Box::pin(market::demo(visit))),
        page::<account::__path_account>(|visit| Box::pin(account::account(visit))),
        page::<account::__path_credentials>(|visit| Box::pin(account::credentials(visit))),
        page::<account::__path_balances>(|visit| Box::pin(account::balances(visit))),
        page::<account::__path_trades>(|visit| Box::pin(account::trades(visit))),
        page::<orders::__path_list>(|visit| Box::pin(orders::list(visit))),
        page::<orders::__path_place>(|visit| Box::pin(orders::place(visit))),
        page::<orders::__path_cancel_all>(|visit| Box::pin(orders::cancel_all(visit))),
        page::<orders::__path_get>(|visit| Box::pin(orders::get(visit))),
        page::<orders::__path_replace>(|visit| Box::pin(orders::replace(visit))),
        page::<orders::__path_cancel>(|visit| Box::pin(orders::cancel(visit))),
        page::<perpetual::__path_state>(|visit| Box::pin(perpetual::state(visit))),
        page::<perpetual::__path_funding>(|visit| Box::pin(perpetual::funding(visit))),
        page::<index::__path_index>(|visit| Box::pin(index::index(visit))),
        page::<index::__path_quote>(|visit| Box::pin(index::quote(visit))),
        page::<perpetual::__path_positions>(|visit| Box::pin(perpetual::positions(visit))),
        page::<perpetual::__path_settlements>(|visit| Box::pin(perpetual::settlements(visit))),
        page::<perpetual::__path_alerts>(|visit| Box::pin(perpetual::alerts(visit))),
        page::<perpetual::__path_margins>(|visit| Box::pin(perpetual::margins(visit))),
        page::<perpetual::__path_set_margin>(|visit| Box::pin(perpetual::set_margin(visit))),
        page::<connections::__path_list>(|visit| Box::pin(connections::list(visit))),
        page::<connections::__path_get>(|visit| Box::pin(connections::get(visit))),
        page::<connections::__path_goodbyes>(|visit| Box::pin(connections::goodbyes(visit))),
        page::<connections::__path_goodbye>(|visit| Box::pin(connections::goodbye(visit))),
    ]
}

fn page<P: utoipa::Path + SchemaReferences>(serve: Serve) -> Page {
    let method = match P::methods()[..] {
        [HttpMethod::Get] => Method::GET,
        [HttpMethod::Post] => Method::POST,
        [HttpMethod::Put] => Method::PUT,
        [HttpMethod::Delete] => Method::DELETE,
        _ => unreachable!("a page has one of these methods"),
    };
    Page {
        method,
        parts: P::path().split('/').map(str::to_owned).collect(),
        serve,
        describe: |description| {
            let Description { paths, schemas } = description;
            paths.add_path_operation(P::path(), P::methods(), P::operation());
            P::schemas(schemas);
        },
    }
}

/// Finds the page for a request, and what stands at the places of its parameters. `HEAD` is `GET` without a body.
///
/// # Errors
/// [`Code::UnknownPath`], [`Code::MethodNotAllowed`].
pub(crate) fn find<'p>(
    pages: &'p [Page],
    method: &Method,
    path: &str,
) -> Result<(&'p Page, Vec<String>), Box<Problem>> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let mut allowed: Vec<&str> = Vec::new();
    for page in pages {
        let Some(parameters) = page.parameters(path) else { continue };
        if page.method == *method {
            return Ok((page, parameters));
        }
        allowed.push(page.method.as_str());
    }
    if allowed.is_empty() {
        return Err(Problem::new(Code::UnknownPath, format!("nothing is at {path}")).at("path"));
    }
    let allowed = allowed.join(", ");
    let detail = format!("{path} knows {allowed}");
    Err(Problem::new(Code::MethodNotAllowed, detail).header(::http::header::ALLOW, &allowed))
}

impl Page {
    /// What stands at the places of its parameters, if the path is its.
    fn parameters(&self, path: &str) -> Option<Vec<String>> {
        let mut parameters = Vec::new();
        let mut given = path.split('/');
        for part in &self.parts {
            let given = given.next()?;
            if part.starts_with('{') {
                parameters.push(reading::decoded(given).filter(|text| !text.is_empty())?);
            } else if part != given {
                return None;
            }
        }
        given.next().is_none().then_some(parameters)
    }
}

const ABOUT: &str = "Accounts, orders, trades, books and instruments of one market, whichever languages it is \
    served in besides. Prices, quantities and amounts are texts with exact decimals; times are RFC 3339 in market \
    time; what goes wrong is told as problem details (RFC 9457) with a `code` for programs, and for people `where` \
    it is and a `remedy`. Requests that change something, and those for the demo's accounts and for connections, are refused if \
    `Host` or `Origin` is not this listener's.";

/// The OpenAPI document of these pages.
pub(crate) fn document(pages: &[Page]) -> OpenApi {
    let mut description = Description::default();
    for page in pages {
        (page.describe)(&mut description);
    }
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A key of the native API: `rialto keys create --dialect native`."))
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(description.schemas)
        .security_scheme("key", SecurityScheme::Http(key));
    let tag =
        |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    let info = InfoBuilder::new()
        .title("Rialto")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(description.paths)
        .components(Some(components.build()))
        .tags(Some([
            tag("market", "What everybody may see."),
            tag("account", "What is one's own."),
            tag("orders", "Trading."),
            tag("connections", "How connections stand, and why others ended."),
        ]))
        .build()
}
