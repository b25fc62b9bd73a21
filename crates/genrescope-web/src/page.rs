//! The page: files inside the program, nothing from elsewhere.

use axum::Router;
use axum::http::header;
use axum::routing::get;

/// Path, content type and content.
pub const FILES: [(&str, &str, &str); 16] = [
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/style.css", CSS, include_str!("../page/style.css")),
    ("/app.js", JS, include_str!("../page/app.js")),
    ("/api.js", JS, include_str!("../page/api.js")),
    ("/card.js", JS, include_str!("../page/card.js")),
    ("/draw.js", JS, include_str!("../page/draw.js")),
    ("/library", "text/html; charset=utf-8", include_str!("../page/library.html")),
    ("/library.css", CSS, include_str!("../page/library.css")),
    ("/library.js", JS, include_str!("../page/library.js")),
    ("/map.js", JS, include_str!("../page/map.js")),
    ("/list.js", JS, include_str!("../page/list.js")),
    ("/live.js", JS, include_str!("../page/live.js")),
    ("/player.js", JS, include_str!("../page/player.js")),
    ("/samples.js", JS, include_str!("../page/samples.js")),
    ("/words.js", JS, include_str!("../page/words.js")),
    ("/icon.svg", "image/svg+xml", include_str!("../page/icon.svg")),
];

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, content_type, content)| {
        router.route(path, get(move || async move { ([(header::CONTENT_TYPE, content_type)], content) }))
    })
}
