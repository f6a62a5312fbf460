// name.js knows what the person at this tab is called.

const key = "parley-name";

const firsts = ["Amber", "Brave", "Calm", "Early", "Fair", "Gentle", "Honest", "Jolly", "Keen", "Lucky", "Merry", "Quiet", "Silver", "Swift", "Warm", "Wise"];
const seconds = ["Badger", "Crane", "Dove", "Finch", "Heron", "Ibex", "Kite", "Lark", "Marten", "Otter", "Owl", "Raven", "Seal", "Swan", "Tern", "Wren"];

// loadName returns the name of this tab, else the last one chosen in any tab, else one that is made up.
export function loadName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  return read(sessionStorage) || read(localStorage) || `${pick(firsts)} ${pick(seconds)}`;
}

// saveName keeps the name for this tab, and for others that open later.
export function saveName(name) {
  for (const storage of [sessionStorage, localStorage]) {
    try {
      storage.setItem(key, name);
    } catch {
      // Without storage the name lasts as long as the page.
    }
  }
}

function read(storage) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}
