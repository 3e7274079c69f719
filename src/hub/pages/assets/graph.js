// Completes questions to the graph from its types.
"use strict";

(() => {
  const editor = document.querySelector("textarea[data-schema]");
  if (!editor) return;
  const PAGING = ["_first", "_offset", "_orderBy", "_ordering", "_showHistory"];
  const MOST = 40;
  let types = null;
  let chosen = 0;
  let offered = [];

  const list = document.createElement("ul");
  list.className = "completions";
  list.id = "completions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "fields that fit");
  list.hidden = true;
  editor.after(list);
  editor.setAttribute("aria-controls", list.id);
  editor.setAttribute("aria-autocomplete", "list");

  // Where the cursor is: the types of the objects around it, and whether it is among arguments.
  const place = (text) => {
    const around = [];
    let last = "";
    let depth = 0;
    let owner = "";
    const pattern = /#[^\n]*|"""[\s\S]*?("""|$)|"(\\.|[^"\\\n])*("|$)|[A-Za-z_][A-Za-z0-9_]*|[{}()@:$]/g;
    let before = "";
    for (const [token] of text.matchAll(pattern)) {
      if (token[0] === "#" || token[0] === "\"") continue;
      if (token === "(") { if (depth === 0) owner = last; depth += 1; }
      else if (token === ")") depth = Math.max(0, depth - 1);
      else if (depth > 0) { before = token; continue; }
      else if (token === "{") {
        const within = around[around.length - 1];
        const root = types[last] && types[last].root ? last : null;
        around.push(around.length === 0 ? "" : within === "" ? root : (types[within] ? types[within].fields[last] : null));
      }
      else if (token === "}") around.pop();
      else if (/^[A-Za-z_]/.test(token) && before !== "@" && before !== "$") last = token;
      before = token;
    }
    const within = around[around.length - 1];
    return { within, depth, owner, isOpen: around.length > 0, isValue: before === ":" && depth > 0 };
  };

  const fitting = () => {
    const before = editor.value.slice(0, editor.selectionStart);
    const word = /[A-Za-z_][A-Za-z0-9_]*$/.exec(before);
    const start = word ? word[0] : "";
    const at = place(before.slice(0, before.length - start.length));
    if (!at.isOpen || at.isValue) return { start, words: [] };
    let words;
    if (at.depth > 0) {
      const kind = at.within === "" ? at.owner : types[at.within] && types[at.within].fields[at.owner];
      const fields = kind && types[kind] ? types[kind].fields : {};
      words = Object.keys(fields).filter((name) => fields[name] === null).concat(PAGING).map((name) => [name, ""]);
    } else if (at.within === "") {
      words = Object.keys(types).filter((name) => types[name].root).map((name) => [name, ""]);
    } else {
      const kind = types[at.within];
      words = kind ? Object.entries(kind.fields).map(([name, of]) => [name, of || ""]) : [];
    }
    const wanted = start.toLowerCase();
    words = words.filter(([name]) => name.toLowerCase().startsWith(wanted) && name !== start);
    return { start, words: words.slice(0, MOST) };
  };

  const close = () => {
    list.hidden = true;
    offered = [];
    editor.removeAttribute("aria-activedescendant");
  };

  const show = () => {
    [...list.children].forEach((item, number) => {
      item.setAttribute("aria-selected", String(number === chosen));
      if (number === chosen) { item.scrollIntoView({ block: "nearest" }); editor.setAttribute("aria-activedescendant", item.id); }
    });
  };

  const offer = (always) => {
    if (!types) return;
    const { start, words } = fitting();
    if (words.length === 0 || (start === "" && !always)) { close(); return; }
    offered = words.map(([name]) => ({ name, start }));
    chosen = 0;
    list.replaceChildren(...words.map(([name, of], number) => {
      const item = document.createElement("li");
      item.id = `completion-${number}`;
      item.setAttribute("role", "option");
      item.append(name);
      const kind = document.createElement("span");
      kind.className = "dim";
      kind.textContent = of;
      item.append(kind);
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(number); });
      return item;
    }));
    list.hidden = false;
    show();
  };

  const take = (number) => {
    const { name, start } = offered[number];
    const at = editor.selectionStart;
    editor.setRangeText(name, at - start.length, editor.selectionEnd, "end");
    close();
    editor.focus();
  };

  editor.addEventListener("input", () => offer(false));
  editor.addEventListener("blur", close);
  editor.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); offer(true); return; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); editor.form.requestSubmit(); return; }
    if (list.hidden) return;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      event.preventDefault();
      chosen = (chosen + moves[event.key] + offered.length) % offered.length;
      show();
    } else if (event.key === "Enter" || event.key === "Tab") {
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close();
    }
  });

  // Names of types lead to them also when they are folded.
  const unfold = () => {
    const target = location.hash.startsWith("#type-") && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) { target.open = true; target.scrollIntoView({ block: "nearest" }); }
  };
  window.addEventListener("hashchange", unfold);

  fetch(editor.dataset.schema, { headers: { accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : null))
    .then((schema) => { if (schema) types = schema.types; })
    .catch(() => {});
})();
