// people.js is the list of who is present.
import { element } from "./element.js";

// A list of any length would say nothing.
const most = 100;

// PeopleList fills a list, its count, and an unseen element that tells who comes and goes.
export class PeopleList {
  #list;
  #count;
  #comings;
  #own;
  #names = null; // tab → name, as last shown

  constructor({ list, count, comings, own }) {
    this.#list = list;
    this.#count = count;
    this.#comings = comings;
    this.#own = own;
  }

  // clear forgets who was there.
  clear() {
    this.#names = null;
    this.#list.replaceChildren();
    this.#count.textContent = "";
  }

  // show shows the members, null if they are not told.
  show(members) {
    if (members === null) {
      this.clear();
      this.#list.append(element("li", "hint", "Who is present is not told in this topic."));
      return;
    }
    // A tab that comes back is another session; until the old one is given up, both are there.
    const tabs = new Map();
    for (const member of members.toSorted((a, b) => (a.since ?? 0) - (b.since ?? 0))) {
      tabs.set(member.meta?.tab ?? member.ref, member);
    }
    const names = new Map([...tabs].map(([tab, { key, meta }]) => [tab, String(meta?.name ?? key).slice(0, 80)]));
    const shown = [...names].slice(0, most).map(([tab, name]) => {
      const item = element("li");
      item.append(element("bdi", "name", name));
      if (tab === this.#own) {
        item.className = "own";
        item.append(element("span", "hint", "this tab"));
      }
      return item;
    });
    if (names.size > most) shown.push(element("li", "hint", `and ${names.size - most} more`));
    this.#list.replaceChildren(...shown);
    this.#count.textContent = String(names.size);
    this.#tell(names);
  }

  #tell(names) {
    const news = [];
    for (const [tab, name] of names) {
      const before = this.#names?.get(tab);
      if (tab === this.#own || this.#names === null || before === name) continue;
      news.push(before === undefined ? `${name} came` : `${before} is now ${name}`);
    }
    for (const [tab, name] of this.#names ?? []) if (!names.has(tab)) news.push(`${name} left`);
    if (news.length > 0) this.#comings.textContent = news.slice(0, 3).join(", ");
    this.#names = names;
  }
}
