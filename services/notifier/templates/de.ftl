# Die Wörter von Mails und Hinweisen, auf Deutsch. Was die Werte bedeuten, steht in en.ftl.

## People

somebody = Jemand
the-platform = Die Plattform
through = { $name } (über { $service })
list-two = { $first } und { $second }
list-three = { $first }, { $second } und { $third }
list-more = { $first }, { $second } und { $count ->
    [one] { $count } weitere Person
   *[other] { $count } weitere
}

## Things

kind = { $kind ->
    [campaign] Die Kampagne
    [ab_test] Der A/B-Test
    [remote_config] Die Remote-Config-Variable
   *[other] Die Ressource ({ $kind-words })
}
# Nach „für“.
area = { $area ->
    [CAMPAIGNS] Kampagnen
    [PRODUCT_EXPERIENCES] Produkterlebnisse
   *[other] { $area-words }
}
# Nach „ist“.
state = { $state ->
    [DRAFT] ein Entwurf
    [SCHEDULED] geplant
    [RUNNING] aktiv
    [PAUSED] pausiert
    [FINISHED] beendet
    [COMPLETED] abgeschlossen
    [STOPPED] gestoppt
    [LIVE] live
    [ARCHIVED] archiviert
    [DELETED] gelöscht
   *[other] im Zustand „{ $state-words }“
}
# Nach „bittet um Freigabe, …“, „die Anfrage, …“.
deed = { $action ->
    [PUBLISH_EDITS] die Änderungen an „{ $title }“ zu veröffentlichen
    [LAUNCH] „{ $title }“ zu starten
    [START] „{ $title }“ zu starten
    [SCHEDULE] den Start von „{ $title }“ zu planen
    [UNSCHEDULE] die Planung von „{ $title }“ aufzuheben
    [PAUSE] „{ $title }“ zu pausieren
    [RESUME] „{ $title }“ fortzusetzen
    [FINISH] „{ $title }“ zu beenden
    [STOP] „{ $title }“ zu stoppen
    [ARCHIVE] „{ $title }“ zu archivieren
    [PUBLISH] „{ $title }“ zu veröffentlichen
    [DELETE] „{ $title }“ zu löschen
   *[other] „{ $action-words }“ für „{ $title }“ auszuführen
}
deed-title = { $action ->
    [PUBLISH_EDITS] Änderungen an „{ $title }“ veröffentlichen
    [LAUNCH] „{ $title }“ starten
    [START] „{ $title }“ starten
    [SCHEDULE] Start von „{ $title }“ planen
    [UNSCHEDULE] Planung von „{ $title }“ aufheben
    [PAUSE] „{ $title }“ pausieren
    [RESUME] „{ $title }“ fortsetzen
    [FINISH] „{ $title }“ beenden
    [STOP] „{ $title }“ stoppen
    [ARCHIVE] „{ $title }“ archivieren
    [PUBLISH] „{ $title }“ veröffentlichen
    [DELETE] „{ $title }“ löschen
   *[other] „{ $action-words }“ für „{ $title }“ ausführen
}
thing = { $action ->
    [PUBLISH_EDITS] Veröffentlichung der Änderungen
    [LAUNCH] Start
    [START] Start
    [SCHEDULE] Planung des Starts
    [UNSCHEDULE] Aufhebung der Planung
    [PAUSE] Pausierung
    [RESUME] Fortsetzung
    [FINISH] Ende
    [PUBLISH] Veröffentlichung
    [DELETE] Löschung
   *[other] Aktion „{ $action-words }“
}, { $kind ->
    [campaign] Kampagne
    [ab_test] A/B-Test
    [remote_config] Remote-Config-Variable
   *[other] { $kind-words }
} „{ $title }“
now = { kind } ist jetzt { state }.
unchanged = Es hat sich nichts geändert. { kind } ist { state }.
moment = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
} { $year }, { $hour }:{ $minute } Uhr ({ $zone })
unknown-moment = zu einer unbekannten Zeit

## Every mail

hello = Hallo { $name },
hello-nobody = Hallo,
reason = Sie erhalten diese Mail, weil { $reason ->
    [ASSIGNED_APPROVER] Sie für die Freigabe dieser Anfrage ausgewählt wurden
    [AREA_APPROVER] Sie Freigaben für { area } erteilen dürfen
    [SUBMITTER] Sie diese Anfrage gestellt haben
    [OWNER] es um etwas geht, das Ihnen gehört
    [ADMIN] Sie Admin dieses Kontos sind
    [INVITED] Sie in dieses Konto eingeladen sind
   *[other] Sie Mitglied dieses Kontos sind
}.
colon = :
footer = Gesendet von Countersign. Mit dem Öffnen des Links ist nichts entschieden; das geschieht erst auf der Seite.
view-request = Anfrage ansehen
review-request = Anfrage prüfen
note-from = Nachricht von { $name }
feedback-from = Rückmeldung von { $name }

## Facts, as label and value

fact-account = Konto
fact-what = Vorgang
fact-leads-to = Führt zu
fact-submitted-by = Gestellt von
fact-approved-by = Genehmigt von
fact-rejected-by = Abgelehnt von
fact-cancelled-by = Zurückgezogen von
fact-applied-by = Ausgeführt von
fact-closed-by = Abgeschlossen von
fact-lost = Nicht mehr gefragt
fact-when = Zeitpunkt
fact-audience = Zielgruppe
audience-active = Kundschaft (aktiver Start)
audience-test = Nur Testgeräte
audience-passive = Niemand (passiver Start)
fact-starts = Beginn
fact-ends = Ende
fact-winner = Siegervariante
fact-approvals = Freigaben
approvals = { $approvals } von { $required ->
    [one] { $required } Freigabe
   *[other] { $required } Freigaben
}
approvals-so-far = { $approvals } von { $required }
fact-decide-by = Zu entscheiden bis
fact-invited-by = Eingeladen von
fact-roles = { $count ->
    [one] Ihre Rolle
   *[other] Ihre Rollen
}
fact-accept-by = Anzunehmen bis

## Approval requests

submitted =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $actor } bittet um Freigabe, { deed }
    .consequence = Bis zur Entscheidung ändert sich für Ihre Kundschaft nichts, und solange ist auch keine Bearbeitung möglich.
approval-recorded =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $actor } hat die Anfrage genehmigt, { deed }
    .consequence = Damit liegen { approvals } vor.
assignment-expired =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $lost } { $count ->
        [one] kann
       *[other] können
    } nicht mehr über die Anfrage entscheiden, { deed }
    .consequence = { $voided ->
        [0] Die anderen Gefragten können weiterhin entscheiden; die Anfrage wartet weiter.
       *[other] Eine Genehmigung, die sie erteilt hatten, zählt nicht mehr: Es liegen { approvals } vor, und die Anfrage wartet weiter.
    }
reassigned =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $actor } bittet Sie um die Entscheidung über die Anfrage, { deed }
    .consequence = Die Freigebenden wurden geändert, und Sie gehören jetzt dazu. Bis zur Entscheidung ändert sich für Ihre Kundschaft nichts.
reminded =
    .subject = Freigabeanfrage: { deed-title }
    .headline = Die Anfrage, { deed }, wartet noch auf eine Entscheidung
    .consequence = Sie gehören zu denen, die entscheiden können. Bis dahin ändert sich für Ihre Kundschaft nichts.
commented =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $actor } hat die Anfrage kommentiert, { deed }
    .consequence = Die Anfrage wartet weiter auf eine Entscheidung.
    .quote = Kommentar von { $actor }
approved =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $actor } hat die Anfrage genehmigt, { deed }
    .consequence = { now }
rejected =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $actor } hat die Anfrage abgelehnt, { deed }
    .consequence = { unchanged }
cancelled =
    .subject = Freigabeanfrage: { deed-title }
    .headline = { $actor } hat die Anfrage zurückgezogen, { deed }
    .consequence = Es gibt nichts mehr zu entscheiden. { unchanged }
expired =
    .subject = Freigabeanfrage: { deed-title }
    .headline = Die Anfrage, { deed }, ist abgelaufen
    .consequence = { $expiry ->
        [NO_ELIGIBLE_APPROVERS] Es gab niemanden mehr, der darüber entscheiden konnte.
       *[other] Es wurde nicht rechtzeitig entschieden.
    } { kind } kann wieder bearbeitet werden; zum Fortfahren bitte erneut einreichen.
reverted =
    .subject = Freigabeanfrage: { deed-title }
    .headline = Die Anfrage, { deed }, hat sich erledigt
    .consequence = { $actor } hat Freigaben für { area } ausgeschaltet. { unchanged }

## Several reminders in one mail

reminders =
    .subject = { $count ->
        [one] { $count } Anfrage wartet auf Ihre Entscheidung
       *[other] { $count } Anfragen warten auf Ihre Entscheidung
    }
    .headline = { $count ->
        [one] { $count } Anfrage wartet auf Ihre Entscheidung
       *[other] { $count } Anfragen warten auf Ihre Entscheidung
    }
    .consequence = Bis zur Entscheidung ändert sich für Ihre Kundschaft nichts.
    .reason = Sie erhalten diese Mail, weil Sie zu denen gehören, die über diese Anfragen entscheiden können.
    .footer = Gesendet von Countersign. Mit dem Öffnen eines Links ist nichts entschieden; das geschieht erst auf der Seite.

## Emergency bypasses and their reviews

bypassed =
    .subject = Notfall-Umgehung: { deed-title }
    .headline = { $actor } hat die Freigabe umgangen, um { deed }
    .consequence = Das wurde im Notfall sofort wirksam. { now } Jetzt muss jemand anderes als { $actor } es nachprüfen und die Nachprüfung abschließen.
    .quote = Begründung von { $actor }
    .link = Nachprüfung öffnen
review-closed =
    .subject = Notfall-Umgehung: { deed-title }
    .headline = { $actor } hat die Nachprüfung einer Umgehung durch { $bypasser } abgeschlossen
    .consequence = Die Freigabe war umgangen worden, um { deed }. Es bleibt nichts zu tun.
    .link = Nachprüfung ansehen

## The workflow of an area

workflow-enabled =
    .subject = Freigaben sind eingeschaltet für { area }
    .headline = { $actor } hat Freigaben für { area } eingeschaltet
    .consequence = Ab jetzt wartet jede Änderung, die Ihre Kundschaft erreicht, auf eine zweite Person.
workflow-disabled =
    .subject = Freigaben sind ausgeschaltet für { area }
    .headline = { $actor } hat Freigaben für { area } ausgeschaltet
    .consequence = Änderungen wirken ab jetzt sofort. Wartende Anfragen sind beendet; eingereichte Änderungen bleiben erhalten.
## A policy that got weaker

policy-weakened =
    .subject = Schwächere Freigaberegeln für { area }
    .headline = { $actor } hat die Freigaberegeln für { area } abgeschwächt
    .consequence = Sie erhalten diese E-Mail, weil die zweite Unterschrift ab jetzt weniger schützt. Falls Sie das überrascht, sprechen Sie mit { $actor } oder mit einem anderen Admin.
# The settings of a policy. $setting-words: for one that has no words here.
setting = { $setting ->
    [enabled] Freigaben
    [required_approvals] Nötige Freigaben
    [allow_self_approval] Einreichende geben eigene Anfragen frei
    [exclude_authors] Verfassende geben nicht frei
    [cancellation] Wer zurückziehen darf
    [request_max_age] Anfragen verfallen nach
    [minimum_lead_time] Mindestvorlauf vor dem Start
    [cooling_off] Wartezeit nach Abschwächung
   *[other] { $setting-words }
}
setting-change = { $before } → { $after }
setting-value = { $value ->
    [true] ja
    [false] nein
    [NOBODY] niemand
    [WRITERS] wer bearbeiten darf, Freigebende und Admins
   *[other] { $value-words }
}
# $unit: the largest one of which there are $count whole ones.
span = { $unit ->
    [days] { $count ->
        [one] { $count } Tag
       *[other] { $count } Tage
    }
    [hours] { $count ->
        [one] { $count } Stunde
       *[other] { $count } Stunden
    }
    [minutes] { $count ->
        [one] { $count } Minute
       *[other] { $count } Minuten
    }
   *[seconds] { $count ->
        [one] { $count } Sekunde
       *[other] { $count } Sekunden
    }
}
span-never = nie
fact-changed-by = Geändert von
fact-cooling-off-until = Keine Freigaben bis
open-countersign = Countersign öffnen

## Invitations

an-account = ein Konto
invitation =
    .subject = Einladung: { $account }
    .headline = { $actor } lädt Sie zu Countersign ein: { $account }
    .consequence = Um Mitglied zu werden, nehmen Sie die Einladung an. Das geht einmal.
    .consequence-until = Um Mitglied zu werden, nehmen Sie die Einladung an. Das geht einmal, bis { $until }.
    .link = Einladung ansehen
    .footer = Gesendet von Countersign. Mit dem Öffnen des Links ist nichts angenommen; das geschieht erst auf der Seite. Der Link ist nur für Sie: Geben Sie ihn nicht weiter. Wenn Sie die Einladung nicht erwartet haben, brauchen Sie nichts zu tun.

## Ribbons

ribbon-decide = { $actor } bittet um Freigabe, { deed }
ribbon-awaiting = Wartet auf Freigabe: { $actor } bittet darum, { deed }
ribbon-approved = { $actor } hat die Anfrage genehmigt, { deed }
ribbon-rejected = { $actor } hat die Anfrage abgelehnt, { deed }
ribbon-cancelled = { $actor } hat die Anfrage zurückgezogen, { deed }
ribbon-expired = Die Anfrage, { deed }, ist abgelaufen: { $expiry ->
    [NO_ELIGIBLE_APPROVERS] niemand konnte mehr darüber entscheiden
   *[other] es wurde nicht rechtzeitig entschieden
}
ribbon-reverted = Die Anfrage, { deed }, hat sich erledigt: Freigaben wurden ausgeschaltet
ribbon-updated = Die Anfrage, { deed }, wurde aktualisiert
ribbon-review = { $actor } hat die Freigabe umgangen, um { deed }: Die Nachprüfung ist offen
