// payload.js makes messages and describes them.

// hexToBytes reads two digits a byte; blanks, colons, commas and 0x are ignored.
export function hexToBytes(text) {
  const digits = text.replace(/0x/gi, "").replace(/[\s:,]+/g, "");
  const odd = digits.match(/[^0-9a-f]/i);
  if (odd) throw new Error(`“${odd[0]}” is not a hexadecimal digit.`);
  if (digits.length % 2 !== 0) throw new Error("A byte has two digits: one is missing.");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// madeText returns size bytes of text that compresses well.
export function madeText(size) {
  const lines = [];
  let length = 0;
  for (let i = 0; length < size; i++) {
    const line = `line ${i} of a message that is long and says little\n`;
    lines.push(line);
    length += line.length;
  }
  return lines.join("").slice(0, size);
}

// madeBinary returns size random bytes.
export function madeBinary(size) {
  const data = new Uint8Array(size);
  const most = 65536; // of one call
  for (let i = 0; i < size; i += most) crypto.getRandomValues(data.subarray(i, i + most));
  return data;
}

const encoder = new TextEncoder();

// sizeOf returns how many bytes a message has on its way.
export function sizeOf(data) {
  return typeof data === "string" ? encoder.encode(data).length : data.length;
}

// same compares two messages.
export function same(a, b) {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

// describe returns type, size and the beginning of a message.
export function describe(data, size) {
  if (typeof data === "string") {
    const most = size > 4096 ? 100 : 500;
    return { type: "text", size: bytes(size), preview: data.slice(0, most), cut: data.length > most };
  }
  const most = 64;
  const hex = Array.from(data.subarray(0, most), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return { type: "binary", size: bytes(size), preview: hex, cut: data.length > most };
}

// bytes writes a size.
export function bytes(n) {
  if (n < 1024) return plural(n, "byte");
  const [unit, name] = n < 1 << 20 ? [1024, "KiB"] : [1 << 20, "MiB"];
  const value = n / unit;
  if (n % unit !== 0 && value.toFixed(1).endsWith(".0")) return `${n.toLocaleString("en")} bytes`; // 16 MiB and a byte
  return `${n % unit === 0 ? value : value.toFixed(1)} ${name}`;
}

// millis writes a duration.
export function millis(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return `${Math.round(ms / 1000)} s`;
}

// plural writes a number of things.
export function plural(n, thing) {
  return `${n.toLocaleString("en")} ${thing}${n === 1 ? "" : "s"}`;
}
