'use strict';

const $ = (id) => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const subjects = data.reports;
const signs = { ok: '✓', informational: 'i', unimplemented: '–', 'non-strict': '~', 'wrong-code': '≠', fail: '✗' };
const bad = ['fail', 'wrong-code', 'non-strict'];
const groups = new Map(data.groups.map((g) => [g.name, g]));
const index = new Map();
data.cases.forEach((c, i) => {
  index.set(c.id, i);
  c.group = c.id.split('.')[0];
  c.words = (c.id + ' ' + c.expect).toLowerCase();
  c.verdicts = subjects.map((s) => s.results[i] && data.verdicts[s.results[i][0]]);
});

// make makes an element; what is in it is text, or other elements.
function make(name, attributes, ...content) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === true) e.setAttribute(key, '');
    else if (value !== false && value !== undefined) e.setAttribute(key, value);
  }
  e.append(...content);
  return e;
}

const sign = (verdict) => (verdict ? signs[verdict] || '?' : '·');

// badge shows a verdict: its sign, and its word if there is room.
function badge(verdict, word) {
  return make('span', { class: verdict ? 'v badge' : 'v badge none', 'data-v': verdict }, sign(verdict) + (word ? ' ' + (verdict || 'not run') : ''));
}

// What is shown is in the part of the address behind the #, so that it can be sent to somebody.
const state = { verdicts: new Set(), hidden: new Set(), group: '', tag: '', text: '', differ: false, open: '' };

function readAddress() {
  const q = new URLSearchParams(location.hash.slice(1));
  const only = (q.get('subjects') || '').split(',').map(Number).filter((n) => n > 0);
  state.verdicts = new Set((q.get('verdict') || '').split(',').filter((v) => data.verdicts.includes(v)));
  state.hidden = new Set(q.has('subjects') ? [...subjects.keys()].filter((i) => !only.includes(i + 1)) : []);
  state.group = groups.has(q.get('group')) ? q.get('group') : '';
  state.tag = q.get('tag') || '';
  state.text = q.get('text') || '';
  state.differ = q.has('differ');
  state.open = index.has(q.get('case')) ? q.get('case') : '';
}

function writeAddress() {
  const q = [];
  const add = (key, value) => q.push(key + '=' + encodeURIComponent(value).replaceAll('%2C', ','));
  if (state.verdicts.size) add('verdict', [...state.verdicts].join(','));
  if (state.hidden.size) add('subjects', shownSubjects().map((i) => i + 1).join(','));
  for (const key of ['group', 'tag', 'text']) if (state[key]) add(key, state[key]);
  if (state.differ) q.push('differ');
  if (state.open) add('case', state.open);
  history.replaceState(null, '', '#' + q.join('&'));
}

const shownSubjects = () => [...subjects.keys()].filter((i) => !state.hidden.has(i));

// matches says whether a case fits all filters but the one for verdicts.
function matches(c, columns, text) {
  if (state.group && c.group !== state.group) return false;
  if (state.tag && !(c.tags || []).includes(state.tag)) return false;
  if (state.differ && new Set(columns.map((i) => c.verdicts[i]).filter(Boolean)).size < 2) return false;
  if (!text || c.words.includes(text)) return true;
  const at = index.get(c.id);
  return columns.some((i) => subjects[i].results[at] && (subjects[i].results[at][2] || '').toLowerCase().includes(text));
}

// count counts the verdicts on a subject, in one group or in all.
function count(i, group) {
  const n = {};
  for (const c of data.cases) {
    const v = c.verdicts[i];
    if (v && (!group || c.group === group)) n[v] = (n[v] || 0) + 1;
  }
  return n;
}

function bar(n) {
  const b = make('div', { class: 'bar', 'aria-hidden': 'true' });
  for (const v of data.verdicts) {
    if (!n[v]) continue;
    const part = make('i', { class: 'v', 'data-v': v });
    part.style.flex = n[v];
    b.append(part);
  }
  return b;
}

const numbers = (n) => data.verdicts.map((v) => make('td', { class: n[v] ? 'number v' : 'number quiet', 'data-v': n[v] && v }, String(n[v] || '·')));
const verdictHeads = () => data.verdicts.map((v) => make('th', { class: 'number', scope: 'col', title: v }, { informational: 'info', unimplemented: 'unimpl.' }[v] || v));
const brief = (n) => data.verdicts.filter((v) => n[v]).map((v) => `${n[v]} ${v}`).join(', ') || 'not run';
const when = (s) => (s.start || '').slice(0, 16).replace('T', ' ');

function showSubjects() {
  const several = subjects.length > 1;
  const urls = subjects.some((s) => s.url && s.url !== s.subject);
  const body = make('tbody');
  subjects.forEach((s, i) => {
    const n = count(i);
    const name = several ? make('label', { class: 'name', title: s.subject }, box(i), make('span', { class: 'no' }, String(i + 1)), make('span', {}, s.subject)) : s.subject;
    body.append(make('tr', {}, make('th', { scope: 'row' }, name), make('td', {}, s.role), make('td', {}, bar(n)),
      make('td', { class: 'number' }, String(s.results.filter(Boolean).length)), ...numbers(n),
      make('td', { class: 'number quiet' }, s.seconds.toFixed(1) + ' s'), make('td', { class: 'quiet' }, when(s)),
      ...(urls ? [make('td', { class: 'quiet' }, s.url || '')] : [])));
  });
  if (!several) return headed($('subjects'), ['subject', 'role', ''], body, urls);
  const all = make('button', { type: 'button', class: 'plain' }, 'all');
  const none = make('button', { type: 'button', class: 'plain' }, 'none');
  all.addEventListener('click', () => { state.hidden.clear(); update(); });
  none.addEventListener('click', () => { state.hidden = new Set(subjects.keys()); update(); });
  headed($('subjects'), [make('span', {}, 'subject: show ', all, ' · ', none), 'role', ''], body, urls);
}

function headed(table, first, body, urls) {
  const th = (h, number) => make('th', { scope: 'col', class: number && 'number' }, h);
  table.append(make('thead', {}, make('tr', {}, ...first.map((h) => th(h)), th('cases', true), ...verdictHeads(), th('took', true), th('began (UTC)'), ...(urls ? [th('address')] : []))), body);
}

function box(i) {
  const e = make('input', { type: 'checkbox', 'data-subject': i });
  e.addEventListener('change', () => { if (!state.hidden.delete(i)) state.hidden.add(i); update(); });
  return e;
}

function showGroups() {
  const columns = shownSubjects();
  const one = subjects.length === 1;
  const body = make('tbody');
  for (const g of data.groups) {
    const pick = make('button', { type: 'button', class: 'plain', title: 'Show the cases of this group' }, g.title);
    pick.addEventListener('click', () => { state.group = g.name; update(); $('cases-title').scrollIntoView(); });
    const row = make('tr', {}, make('th', { scope: 'row' }, pick));
    for (const i of columns) {
      const n = count(i, g.name);
      if (one) {
        row.append(make('td', {}, bar(n)), make('td', { class: 'number' }, String(Object.values(n).reduce((a, b) => a + b, 0))), ...numbers(n));
        continue;
      }
      const worst = bad.filter((v) => n[v]).map((v) => make('span', { class: 'v', 'data-v': v }, sign(v) + n[v]));
      if (!worst.length) worst.push(make('span', { class: 'v', 'data-v': n.ok && 'ok' }, n.ok ? '✓' : Object.keys(n).length ? '–' : '·'));
      row.append(make('td', { title: `${subjects[i].subject}: ${brief(n)}` }, bar(n),
        make('div', { class: 'worst', 'aria-hidden': 'true' }, ...worst), make('span', { class: 'unseen' }, brief(n))));
    }
    body.append(row);
  }
  const heads = one ? [make('th'), make('th', { class: 'number', scope: 'col' }, 'cases'), ...verdictHeads()]
    : columns.map((i) => make('th', { scope: 'col', title: subjects[i].subject }, String(i + 1), ...(columns.length > 4 ? [] : [make('span', { class: 'long' }, ' ' + subjects[i].subject)])));
  $('groups').className = one ? '' : 'many';
  $('groups').replaceChildren(make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'group'), ...heads)), body);
}

// wire is what went over the wire with a subject in a case. It is parsed when it is first asked for, as it is long.
const wires = [];
function wire(i, at) {
  wires[i] ??= JSON.parse($('wire-' + i).textContent);
  const { texts, lines } = wires[i];
  return make('table', { class: 'wire', 'aria-label': 'What went over the wire: → to the subject, ← from it' }, make('tbody', {}, ...(lines[at] || []).map(([ms, dir, text, hex]) =>
    make('tr', { class: ['remark', 'out', 'in'][dir] }, make('td', {}, ms.toFixed(2) + ' ms'), make('td', {}, ['', '→', '←'][dir]),
      make('td', {}, texts[text], ...(hex ? [make('div', { class: 'hex' }, texts[hex])] : []))))));
}

function result(i, at, open) {
  const s = subjects[i];
  const [verdict, ms, text] = s.results[at];
  const e = make('details', { class: 'result' }, make('summary', {}, make('span', { class: 'ms' }, ms.toFixed(1) + ' ms'),
    badge(data.verdicts[verdict], true), ' ', s.subject, ...(text ? [make('span', { class: 'why' }, text)] : [])));
  const log = () => { if (!e.querySelector('.wire')) e.append(wire(i, at)); };
  e.addEventListener('toggle', () => { if (e.open) log(); });
  if (open) { log(); e.open = true; }
  return e;
}

function detail(c) {
  const at = index.get(c.id);
  const columns = shownSubjects().filter((i) => c.verdicts[i]);
  const group = groups.get(c.group);
  const outcomes = make('table', { class: 'outcomes' }, make('tbody', {}, ...c.outcomes.map(([v, text]) => make('tr', {}, make('td', {}, badge(v, true)), make('td', {}, text)))));
  return make('div', { class: 'detail' },
    make('p', {}, make('b', {}, c.rfc || ''), ' ', ...(c.tags || []).map((t) => make('span', { class: 'chip' }, t)), ' ', make('a', { href: '#case=' + encodeURIComponent(c.id) }, 'link to this case')),
    make('p', {}, c.why || (group && group.why) || ''),
    make('div', { class: 'pair' },
      make('div', {}, make('h3', {}, 'Steps'), c.steps.length ? make('ol', { class: 'steps' }, ...c.steps.map((s) => make('li', {}, s))) : make('p', { class: 'quiet' }, 'the handshake alone')),
      make('div', {}, make('h3', {}, 'Outcomes'), outcomes)),
    make('h3', {}, 'Results, with what went over the wire'),
    make('div', { class: 'results' }, ...columns.map((i) => result(i, at, columns.length < 4))));
}

function row(c, columns, few) {
  const marks = make('span', { class: 'marks', 'aria-hidden': 'true' }, ...columns.map((i) => badge(c.verdicts[i], few)));
  const n = {};
  for (const i of columns) if (c.verdicts[i]) n[c.verdicts[i]] = (n[c.verdicts[i]] || 0) + 1;
  const says = columns.length === 1 ? c.verdicts[columns[0]] || 'not run' : brief(n);
  const open = state.open === c.id;
  const e = make('div', { class: open ? 'case open' : 'case', 'data-id': c.id },
    make('button', { class: 'head', type: 'button', 'aria-expanded': String(open) },
      make('span', { class: 'what' }, make('span', { class: 'id' }, c.id), make('span', { class: 'expect' }, c.expect), make('span', { class: 'unseen' }, says)), marks));
  if (open) e.append(detail(c));
  return e;
}

// toggle opens or closes a case.
function toggle(e) {
  const c = data.cases[index.get(e.dataset.id)];
  const open = e.classList.toggle('open');
  e.firstChild.setAttribute('aria-expanded', String(open));
  if (open) {
    e.append(detail(c));
    state.open = c.id;
  } else {
    e.lastChild.remove();
    if (state.open === c.id) state.open = '';
  }
  writeAddress();
}

// draw lists the cases, some in each frame, for there may be thousands.
let drawing = 0;
function draw(reveal) {
  const turn = ++drawing;
  const columns = shownSubjects();
  const few = columns.length < 4;
  const text = state.text.trim().toLowerCase();
  const fits = data.cases.filter((c) => matches(c, columns, text));
  const has = (c, v) => columns.some((i) => c.verdicts[i] === v);
  for (const b of $('verdicts').children) b.querySelector('.total').textContent = fits.filter((c) => has(c, b.dataset.verdict)).length;
  const wanted = new Set(fits.filter((c) => !state.verdicts.size || [...state.verdicts].some((v) => has(c, v))));
  const cases = data.cases.filter((c) => wanted.has(c) || c.id === state.open);
  const sizes = {};
  for (const c of cases) sizes[c.group] = (sizes[c.group] || 0) + 1;
  $('count').textContent = cases.length === data.cases.length ? `${cases.length} cases` : `${cases.length} of ${data.cases.length} cases`;
  $('list').className = 'card ' + (few ? 'few' : 'tall');
  $('names').replaceChildren(...(columns.length < 2 ? [] : columns.map((i) => make('span', { title: subjects[i].subject }, make('span', {}, String(i + 1)), make('span', { class: few ? '' : 'long' }, ' ' + subjects[i].subject)))));
  $('list').style.setProperty('--head', $('columns').offsetHeight + 'px');
  const list = $('cases');
  list.replaceChildren();
  if (!cases.length) list.append(make('p', { class: 'empty' }, data.cases.length ? 'No case is like that. Take away a filter.' : 'No results yet.'));
  let at = 0, group = '';
  (function some() {
    if (turn !== drawing) return;
    const part = document.createDocumentFragment();
    let found;
    // A case to show comes in the first frame, with all above it.
    const target = reveal ? cases.findIndex((c) => c.id === state.open) + 1 : 0;
    for (const end = Math.min(Math.max(at + 120, target), cases.length); at < end; at++) {
      const c = cases[at];
      if (c.group !== group) {
        group = c.group;
        part.append(make('div', { class: 'group' }, groups.get(group).title, ' ', make('span', {}, String(sizes[group]))));
      }
      const e = row(c, columns, few);
      part.append(e);
      if (c.id === state.open) found = e;
    }
    list.append(part);
    if (found && reveal) settle(found, 4);
    if (at < cases.length) requestAnimationFrame(some);
  })();
}

// settle scrolls to a case, and again while rows that come into view for the first time change their height.
function settle(e, frames) {
  e.scrollIntoView();
  if (frames) requestAnimationFrame(() => settle(e, frames - 1));
}

function showTools() {
  for (const v of data.verdicts) {
    const b = make('button', { type: 'button', 'data-verdict': v }, make('b', { class: 'v', 'data-v': v, 'aria-hidden': 'true' }, sign(v)), ' ' + v + ' ', make('span', { class: 'total quiet' }));
    b.addEventListener('click', () => { if (!state.verdicts.delete(v)) state.verdicts.add(v); update(); });
    $('verdicts').append(b);
  }
  const tags = [...new Set(data.cases.flatMap((c) => c.tags || []))].sort();
  $('group').append(make('option', { value: '' }, 'every group'), ...data.groups.map((g) => make('option', { value: g.name }, g.title)));
  $('tag').append(make('option', { value: '' }, 'every tag'), ...tags.map((t) => make('option', { value: t }, t)));
  for (const key of ['group', 'tag']) $(key).addEventListener('change', () => { state[key] = $(key).value; update(); });
  let waiting = 0;
  $('text').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.text = $('text').value; update(); }, 120);
  });
  $('differ').hidden = subjects.length < 2;
  $('differ').addEventListener('click', () => { state.differ = !state.differ; update(); });
  $('clear').addEventListener('click', () => {
    state.verdicts.clear();
    Object.assign(state, { group: '', tag: '', text: '', differ: false });
    update();
  });
  $('cases').addEventListener('click', (e) => { const head = e.target.closest('.head'); if (head) toggle(head.parentNode); });
  $('cases').addEventListener('pointerover', (e) => {
    if (!e.target.matches('.head .badge') || e.target.title) return;
    const i = shownSubjects()[[...e.target.parentNode.children].indexOf(e.target)];
    const c = data.cases[index.get(e.target.closest('.case').dataset.id)];
    e.target.title = subjects[i].subject + ': ' + (c.verdicts[i] || 'not run');
  });
  addEventListener('keydown', keys);
}

function keys(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) && e.target.type !== 'checkbox') return;
  if (e.key === '/') {
    e.preventDefault();
    $('text').focus();
  } else if (e.key === 'j' || e.key === 'k') {
    const heads = [...$('cases').querySelectorAll('.head')];
    const here = document.activeElement.closest('.case');
    const at = here ? heads.indexOf(here.firstChild) + (e.key === 'j' ? 1 : -1) : 0;
    if (heads[at]) { heads[at].focus(); heads[at].scrollIntoView({ block: 'nearest' }); }
  }
}

function update(reveal) {
  for (const b of $('verdicts').children) b.setAttribute('aria-pressed', String(state.verdicts.has(b.dataset.verdict)));
  for (const b of document.querySelectorAll('[data-subject]')) {
    b.checked = !state.hidden.has(Number(b.dataset.subject));
    b.closest('tr').classList.toggle('off', !b.checked);
  }
  for (const key of ['group', 'tag', 'text']) if ($(key).value !== state[key]) $(key).value = state[key];
  $('differ').setAttribute('aria-pressed', String(state.differ));
  $('clear').disabled = !(state.verdicts.size || state.group || state.tag || state.text || state.differ);
  writeAddress();
  showGroups();
  draw(reveal === true);
}

// theme shows the colours that the system wants, until the reader wants others.
function theme() {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  let chosen = '';
  try { chosen = localStorage.getItem('theme') || ''; } catch { /* a page from a file may have no storage */ }
  const show = () => {
    root.dataset.theme = chosen || (system.matches ? 'dark' : 'light');
    $('theme').textContent = root.dataset.theme === 'dark' ? '☀ Light' : '☾ Dark';
  };
  system.addEventListener('change', show);
  $('theme').addEventListener('click', () => {
    chosen = root.dataset.theme === 'dark' ? 'light' : 'dark';
    try { localStorage.setItem('theme', chosen); } catch { /* it holds for this visit */ }
    show();
  });
  show();
}

theme();
if (subjects.length) {
  const one = subjects.length === 1 ? subjects[0] : null;
  document.title = (one ? one.subject : `${subjects.length} subjects`) + ' – WebSocket conformance';
  $('about').textContent = one ? [one.subject, one.role, one.url !== one.subject && one.url, one.start && when(one) + ' UTC', one.seconds.toFixed(1) + ' s'].filter(Boolean).join(' · ')
    : `${subjects.length} subjects, ${data.cases.length} cases, in ${data.groups.length} groups`;
  showSubjects();
} else {
  $('subjects').append(make('tbody', {}, make('tr', {}, make('td', { class: 'quiet' }, 'No results yet.'))));
}
showTools();
readAddress();
addEventListener('hashchange', () => { readAddress(); update(true); });
update(true);
