// Search as people ask: every page that holds some of the words, those with rarer words, and with words in a title, first.
// Sphinx alone finds only pages that hold every word, so a question in a sentence finds nothing.
"use strict";

function pairs(term) {
  // Chinese is written without spaces: of a run of characters each two neighbours are a word.
  if (!/[\u4e00-\u9fff]/.test(term)) return [term];
  return [...term].slice(1).map((letter, at) => [...term][at] + letter);
}

function holding(term) {
  // The pages that hold a word; of Chinese those that hold it within a run of characters.
  const files = new Set();
  for (const index of [Search._index.terms, Search._index.titleterms]) {
    const words = /[\u4e00-\u9fff]/.test(term) ? Object.keys(index).filter((word) => word.includes(term)) : [term];
    for (const word of words) if (Object.hasOwn(index, word)) [index[word]].flat().forEach((file) => files.add(file));
  }
  return files;
}

function weights(terms) {
  // A word is worth more the fewer pages hold it; an unknown word is worth nothing.
  const pages = Search._index.docnames.length;
  const found = new Map();
  for (const term of [...terms].flatMap(pairs)) {
    const files = holding(term);
    if (files.size > 0) found.set(term, { files, worth: Math.log(1 + pages / files.size) });
  }
  return found;
}

function stems(title) {
  const stemmer = new Stemmer();
  return new Set(splitQuery(title.toLowerCase()).flatMap((word) => pairs(stemmer.stemWord(word))));
}

function worthOf(title, found) {
  // Of a title: the worth of the words it shares with the question, less where it says much else.
  const words = stems(title);
  let shared = 0;
  for (const [term, { worth }] of found) if (words.has(term)) shared += worth;
  return shared / Math.sqrt(1 + words.size);
}

function bestSections(found) {
  // The section of each page whose title is nearest to the question.
  const best = new Map();
  for (const [title, places] of Object.entries(Search._index.alltitles)) {
    const worth = worthOf(title, found);
    for (const [file, id] of places) {
      if (worth > (best.get(file)?.worth ?? 0)) best.set(file, { title, id, worth });
    }
  }
  return best;
}

function asked(searchTerms, excludedTerms) {
  const { docnames, filenames, titles } = Search._index;
  const found = weights(searchTerms);
  const banned = weights(excludedTerms);
  const sections = bestSections(found);
  const results = [];
  docnames.forEach((name, file) => {
    if ([...banned.values()].some(({ files }) => files.has(file))) return;
    let score = 0;
    for (const { files, worth } of found.values()) if (files.has(file)) score += worth;
    if (score === 0) return;
    const section = sections.get(file);
    score += 3 * (section?.worth ?? 0) + 3 * worthOf(titles[file], found);
    if (name.startsWith("reference/")) score *= 0.7; // a question wants an answer before a name
    const part = section && section.id !== null && section.title !== titles[file] ? section : null;
    const title = part ? `${titles[file]} > ${part.title}` : titles[file];
    results.push([name, title, part ? `#${part.id}` : "", null, score, filenames[file], SearchResultKind.text]);
  });
  return results;
}

if (typeof Search !== "undefined") Search.performTermsSearch = asked;
