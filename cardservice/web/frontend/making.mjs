// The steps of the card on the reader: asked for again each second, so long as the server says that
// there is something to wait for. Without this the page comes again by itself.

const AGAIN_MS = 1000

let left = 600

async function look() {
  const old = document.querySelector('[data-making]')
  if (old.dataset.watched !== 'yes' || left === 0) return
  left -= 1
  try {
    const answer = await fetch(location.href, { redirect: 'error' })
    const fresh = new DOMParser()
      .parseFromString(await answer.text(), 'text/html')
      .querySelector('[data-making]')
    if (answer.ok && fresh && fresh.innerHTML !== old.innerHTML) change(old, fresh)
    if (answer.ok && fresh) old.dataset.watched = fresh.dataset.watched
  } catch {
    // No network: what was last known stays.
  }
  setTimeout(look, AGAIN_MS)
}

// The region that is read aloud stays the same element: only so are its changes announced.
function change(old, fresh) {
  const status = old.querySelector('[role=status]')
  const said = fresh.querySelector('[role=status]')
  if (status.innerHTML !== said.innerHTML) status.innerHTML = said.innerHTML
  status.className = said.className
  while (status.nextSibling) status.nextSibling.remove()
  while (said.nextSibling) old.append(document.adoptNode(said.nextSibling))
}

setTimeout(look, AGAIN_MS)
