"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  // Sorting. A cell's data-number wins over its text; empty cells stay at the end.
  const keyOf = (cell) => {
    const text = cell ? cell.textContent.trim() : "";
    const number = cell ? cell.dataset.number : undefined;
    if (number !== undefined) return { kind: 0, value: Number(number) };
    return { kind: text ? 1 : 2, value: text };
  };
  const compare = (a, b, sign) => {
    if (a.kind === 2 || b.kind === 2 || a.kind !== b.kind) {
      return a.kind === 2 || b.kind === 2 ? a.kind - b.kind : sign * (a.kind - b.kind);
    }
    return sign * (a.kind === 0 ? a.value - b.value : collator.compare(a.value, b.value));
  };
  const makeSortable = (table, whenSorted) => {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    const mark = (sorted, direction) => {
      for (const heading of headings) {
        heading.setAttribute("aria-sort", heading === sorted ? direction : "none");
      }
    };
    const sort = (column, direction) => {
      const sign = direction === "ascending" ? 1 : -1;
      const keyed = original.map((row, place) => ({ row, place, key: keyOf(row.cells[column]) }));
      keyed.sort((a, b) => compare(a.key, b.key, sign) || a.place - b.place);
      body.append(...keyed.map((entry) => entry.row));
    };
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const up = heading.getAttribute("aria-sort") !== "ascending";
        const direction = up ? "ascending" : "descending";
        sort(column, direction);
        mark(heading, direction);
        whenSorted();
      });
    });
    mark(null);
    return () => {
      body.append(...original);
      mark(null);
    };
  };
  // A phone shows rows as cards, which must not cost them their meaning as a table.
  for (const table of all("table.stack")) {
    table.setAttribute("role", "table");
    for (const group of [table.tHead, ...table.tBodies]) group.setAttribute("role", "rowgroup");
    for (const row of table.rows) row.setAttribute("role", "row");
    for (const cell of all("td", table)) cell.setAttribute("role", "cell");
    for (const cell of all("th", table)) cell.setAttribute("role", "columnheader");
  }

  // Filters. Each menu counts the rows that it would leave, given all other filters.
  const form = document.getElementById("filters");
  const search = document.getElementById("filter-text");
  const menus = all("select[data-facet]", form);
  const shown = document.getElementById("shown");
  const noneFound = document.getElementById("none-found");
  const cutOff = document.getElementById("cut-off");
  const claims = document.getElementById("claims-table");
  const texts = new Map([...claims.tBodies[0].rows].map((row) => [
    row,
    [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase(),
  ]));
  const firstRows = 100; // a phone cannot lay out thousands of cards at every key
  let limit = firstRows;
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const counts = new Map(menus.map((menu) => [menu, new Map()]));
    let left = 0;
    for (const row of claims.tBodies[0].rows) {
      const found = words.every((word) => texts.get(row).includes(word));
      const refused = menus.filter((menu) => menu.value && menu.value !== row.dataset[menu.dataset.facet]);
      const fits = found && refused.length === 0;
      row.hidden = !fits || left >= limit;
      left += fits;
      for (const menu of menus) {
        if (found && refused.every((other) => other === menu)) {
          const tally = counts.get(menu);
          // Every row counts under "all", also one without a value of its own.
          for (const value of new Set(["", row.dataset[menu.dataset.facet]])) {
            tally.set(value, (tally.get(value) || 0) + 1);
          }
        }
      }
    }
    for (const menu of menus) {
      for (const option of menu.options) {
        const count = counts.get(menu).get(option.value) || 0;
        option.textContent = `${option.value || "all"} (${count})`;
      }
    }
    shown.textContent = `${left} of ${texts.size} rows: one for each claim, scale and data set`;
    noneFound.hidden = left > 0;
    cutOff.hidden = left <= limit;
    cutOff.querySelector("span").textContent = `The first ${limit} of ${left} rows are shown.`;
  };
  const showAll = () => {
    limit = Infinity;
    filter();
  };
  cutOff.querySelector("button").addEventListener("click", showAll);
  const unsort = makeSortable(claims, filter);
  for (const table of all("table.sortable")) if (table !== claims) makeSortable(table, () => {});
  form.hidden = false;
  // A menu gives only "change" in some browsers, the search field "input" at every key.
  for (const event of ["input", "change"]) form.addEventListener(event, filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The event comes before the fields are empty.
  form.addEventListener("reset", () => setTimeout(() => { unsort(); filter(); }));
  for (const button of all("#none-found .reset")) button.addEventListener("click", () => form.reset());
  for (const link of all("a.pick")) {
    link.addEventListener("click", () => {
      form.reset();
      for (const menu of menus) {
        if (menu.dataset.facet === "paper") menu.value = link.dataset.pickPaper;
        if (menu.dataset.facet === "verdict") menu.value = link.dataset.pickVerdict;
      }
    });
  }
  filter();

  // Cards: a link opens its card, an open card is in the address.
  const cards = all("details.card");
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const card = target && target.closest("details.card");
    if (card) {
      card.open = true;
      card.scrollIntoView();
    }
  };
  addEventListener("hashchange", openTarget);
  openTarget();
  const openAll = document.getElementById("open-all");
  const label = () => {
    openAll.textContent = cards.every((card) => card.open) ? "Close all" : "Open all";
  };
  openAll.hidden = cards.length < 2;
  openAll.addEventListener("click", () => {
    const open = !cards.every((card) => card.open);
    for (const card of cards) card.open = open;
  });
  for (const card of cards) card.addEventListener("toggle", label);
  for (const card of cards) {
    card.querySelector("summary").addEventListener("click", () => {
      if (!card.open) history.replaceState(null, "", `#${card.querySelector(".card-body").id}`);
    });
  }
  let closed = [];
  addEventListener("beforeprint", () => {
    showAll();
    closed = all("details:not([open])");
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });

  // Curves: an entry of the legend picks its line out, while pointed at or for good.
  for (const curves of all(".curves")) {
    let pinned = null;
    const pick = (key) => {
      curves.classList.toggle("is-picking", key !== null);
      for (const line of all(".series", curves)) {
        line.classList.toggle("is-picked", line.dataset.line === key);
      }
    };
    const entries = all(".legend li", curves);
    for (const entry of entries) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.append(...entry.childNodes);
      entry.append(button);
      const key = entry.dataset.line;
      button.addEventListener("click", () => {
        pinned = pinned === key ? null : key;
        for (const other of entries) {
          other.firstChild.setAttribute("aria-pressed", String(other.dataset.line === pinned));
        }
        pick(pinned);
      });
      button.addEventListener("mouseenter", () => pick(key));
      button.addEventListener("mouseleave", () => pick(pinned));
    }
  }

  // Figures in their full size.
  const dialog = document.createElement("dialog");
  const bar = document.createElement("div");
  const caption = document.createElement("span");
  const close = document.createElement("button");
  const large = document.createElement("img");
  bar.className = "heading-row";
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  bar.append(caption, close);
  dialog.append(bar, large);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  for (const picture of all(".picture img")) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Enlarge ${picture.alt}`);
    picture.replaceWith(button);
    button.append(picture);
    button.addEventListener("click", () => {
      large.src = picture.src;
      large.alt = picture.alt;
      caption.textContent = picture.alt;
      dialog.showModal();
    });
  }
})();
