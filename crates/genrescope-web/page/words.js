// Numbers as people read them.

export function clock(seconds, decimals = 0) {
  const tens = 10 ** decimals;
  const whole = Math.round(Math.max(0, seconds) * tens) / tens;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = (whole % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export const percent = (score) => `${Math.round(100 * score)} %`;

/** An element with text and attributes; `children` after the text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The genre of a segment or a record, or why it has none. */
export const nameOf = ({ genre, reason }) => genre ?? (reason === "not_music" ? "no music" : reason) ?? "";
