// The code on a phone: a new one shortly before the old one runs out, so long as somebody looks.
// Without this the page has a button that does the same.

const EARLY_SECONDS = 15

const says = document.querySelector('[data-ran-out]')
let left = Number(document.querySelector('[data-code]').dataset.newCodes)
let ends = 0
let asking = false

function begin(code) {
  ends = Date.now() + Number(code.dataset.seconds) * 1000
}

async function renew() {
  asking = true
  try {
    const answer = await fetch(location.href, { redirect: 'error' })
    const fresh = new DOMParser()
      .parseFromString(await answer.text(), 'text/html')
      .querySelector('[data-code]')
    if (!answer.ok || !fresh) return
    const old = document.querySelector('[data-code]')
    fresh.querySelector('details').open = old.querySelector('details').open
    old.replaceWith(document.adoptNode(fresh))
    begin(fresh)
    left -= 1
    says.textContent = ''
  } catch {
    // No network: the code stays until it runs out, and then says so.
  } finally {
    asking = false
  }
}

function look() {
  const code = document.querySelector('[data-code]')
  const over = Date.now() >= ends
  code.hidden = over
  if (over) says.textContent = says.dataset.ranOut
  const soon = Date.now() >= ends - EARLY_SECONDS * 1000
  if (soon && left > 0 && !asking && document.visibilityState === 'visible') renew()
}

begin(document.querySelector('[data-code]'))
setInterval(look, 1000)
document.addEventListener('visibilitychange', look)
