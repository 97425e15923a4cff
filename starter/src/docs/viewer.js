// Shows /openapi.json. Text from the document goes into the page as text, never as markup.
"use strict";

const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};

const name = (reference) => reference.split("/").pop();

// A schema in one line; shapes with a name are links.
const type = (schema) => {
  if (!schema) return make("span", "–");
  if (schema.$ref) {
    const link = make("a", name(schema.$ref));
    link.href = `#${name(schema.$ref)}`;
    return link;
  }
  if (schema.enum) return make("code", schema.enum.map((value) => JSON.stringify(value)).join(" | "));
  const several = schema.oneOf || schema.anyOf || schema.allOf;
  if (several) {
    const span = make("span");
    several.forEach((each, n) => span.append(n ? (schema.allOf ? " and " : " or ") : "", type(each)));
    return span;
  }
  const kinds = [].concat(schema.type || "any");
  if (kinds.includes("array")) return make("span", "list of ", type(schema.items));
  return make("code", kinds.join(" or ") + (schema.format ? ` (${schema.format})` : ""));
};

const row = (...cells) => {
  const line = make("tr");
  cells.forEach((cell) => line.append(cell instanceof Node ? make("td", "", cell) : make("td", cell || "")));
  return line;
};

const content = (holder) => {
  const schemas = Object.values((holder && holder.content) || {});
  return schemas.length ? type(schemas[0].schema) : "–";
};

const operation = (method, path, about) => {
  const title = make("summary", "", make("b", method.toUpperCase()), make("code", path), ` ${about.summary || ""}`);
  const details = make("details", "", title);
  if (about.description) details.append(make("p", about.description));
  const parameters = about.parameters || [];
  if (parameters.length || about.requestBody) {
    const table = make("table");
    parameters.forEach((each) =>
      table.append(row(make("code", each.name), each.in, type(each.schema), each.description)));
    if (about.requestBody) table.append(row("body", "", content(about.requestBody), about.requestBody.description));
    details.append(make("h4", "Takes"), table);
  }
  const answers = make("table");
  Object.entries(about.responses || {}).forEach(([status, each]) =>
    answers.append(row(status, content(each), each.description)));
  details.append(make("h4", "Answers"), answers);
  details.dataset.words = `${method} ${path} ${about.summary || ""} ${about.description || ""}`.toLowerCase();
  return details;
};

const shape = (title, schema) => {
  const details = make("details", "", make("summary", "", make("code", title), ` ${schema.description || ""}`));
  details.id = title;
  const parts = [schema].concat(schema.allOf || []);
  const table = make("table");
  parts.forEach((part) => {
    if (part.$ref) table.append(row("all of", type(part)));
    Object.entries(part.properties || {}).forEach(([field, each]) =>
      table.append(row(make("code", field), type(each), each.description)));
  });
  if (!table.children.length) table.append(row("", type({ ...schema, allOf: undefined })));
  details.append(table);
  return details;
};

const show = (api) => {
  document.getElementById("about").prepend(`${api.info.title} ${api.info.version}. `);
  const operations = document.getElementById("operations");
  Object.entries(api.paths).forEach(([path, methods]) =>
    Object.entries(methods).forEach(([method, about]) => operations.append(operation(method, path, about))));
  const schemas = document.getElementById("schemas");
  Object.entries(api.components.schemas).forEach(([title, schema]) => schemas.append(shape(title, schema)));
  document.getElementById("find").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const each of operations.children) each.hidden = !each.dataset.words.includes(wanted);
  });
  window.addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target) target.open = true;
  });
};

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => document.getElementById("operations").append(make("p", `The document cannot be read: ${error}`)));
