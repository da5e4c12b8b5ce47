// What the browser keeps of a page. It may refuse, and a page works without.

// Return whether the browser keeps it; null empties the drawer.
export function writeDrawer(drawer, content) {
  try {
    if (content === null) localStorage.removeItem(drawer);
    else localStorage.setItem(drawer, JSON.stringify(content));
    return true;
  } catch {
    return false;
  }
}

// Return what was kept; null where there is nothing that can be read.
export function readDrawer(drawer) {
  try {
    return JSON.parse(localStorage.getItem(drawer));
  } catch {
    return null;
  }
}
