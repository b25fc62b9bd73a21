// The HTTP API of this server, and the token that it may ask for.

function rememberedToken() {
  const given = /[#&]token=([0-9a-f]+)/.exec(location.hash);
  if (given) {
    sessionStorage.setItem("token", given[1]);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token");
}

const token = rememberedToken();

async function failure(response) {
  try {
    const { error } = await response.json();
    return new Error(error.message);
  } catch {
    return new Error(`the server answered ${response.status}`);
  }
}

export async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`/api/v1/${path}`, { ...options, headers }).catch((error) => {
    throw error.name === "AbortError" ? error : new Error("the server does not answer; is `genrescope serve` still running?");
  });
  if (!response.ok) throw await failure(response);
  return response;
}

export const answer = async (path, options) => (await ask(path, options)).json();

/** Server-sent events of a response to POST, which EventSource cannot make: `{kind, data}` each. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (pending + value).split("\n\n");
    pending = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

function parsed(block) {
  const lines = block.split("\n");
  const kind = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
  return kind && { kind, data: JSON.parse(data) };
}

/** Sends a file; gives the patches of its timeline as they are judged, at the end the whole. */
export async function* timeline(file, model) {
  const form = new FormData();
  form.append("file", file, file.name);
  const response = await ask(`timeline?model=${encodeURIComponent(model)}`, { method: "POST", body: form });
  let ended = false;
  for await (const event of events(response)) {
    if (event.kind === "error") throw new Error(event.data.error.message);
    ended ||= event.kind === "result";
    yield event;
  }
  if (!ended) throw new Error("the connection broke before the recording was judged; try again");
}
