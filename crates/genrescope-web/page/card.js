// The model card.

import { answer } from "./api.js";
import { element } from "./words.js";

const byId = (id) => document.getElementById(id);

export async function showCard(name) {
  const card = await answer(`models/${encodeURIComponent(name)}`);
  const trained = card.trained_on;
  const facts = [
    ["file hash", card.hash],
    ["network", `${card.network}, ${card.parameters.toLocaleString("en")} parameters, ${card.trainable.toLocaleString("en")} trained`],
    ["input", `${card.front_end.mel_bands} mel bands × ${card.patch_frames} frames, audio at ${card.front_end.sample_rate_hz} Hz`],
    ["audio features", card.features ? `${card.features.columns.length} of each patch` : "none"],
    ["genres", card.genres.join(", ")],
    ["trained on", `${trained.data}, ${trained.tracks} tracks, ${trained.epochs} epochs, seed ${trained.seed}`],
    ["licence", card.licence],
    ["commit", card.commit],
  ];
  byId("card-name").textContent = card.name;
  byId("card-facts").replaceChildren(...facts.flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
  byId("card-results").hidden = card.results.length === 0;
  byId("card-results").tBodies[0].replaceChildren(...card.results.map((result) => {
    const interval = result.interval?.map((bound) => bound.toFixed(1)).join(" to ") ?? "";
    const cells = [result.protocol, result.data, String(result.tracks), `${result.accuracy_percent.toFixed(1)} %`, interval];
    return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
  }));
  byId("card-all").textContent = JSON.stringify(card, null, 2);
  byId("card").showModal();
}
