# Les mots des courriels et des bandeaux, en français. Le sens des valeurs est dans en.ftl.

## People

somebody = Quelqu’un
the-platform = La plateforme
through = { $name } (via { $service })
list-two = { $first } et { $second }
list-three = { $first }, { $second } et { $third }
list-more = { $first }, { $second } et { $count ->
    [one] { $count } autre personne
   *[other] { $count } autres personnes
}

## Things

kind = { $kind ->
    [campaign] La campagne
    [ab_test] Le test A/B
    [remote_config] La variable de configuration distante
   *[other] La ressource ({ $kind-words })
}
# Après « pour les » ; un nom propre au compte reste entre guillemets.
area = { $area ->
    [CAMPAIGNS] campagnes
    [PRODUCT_EXPERIENCES] expériences produit
   *[other] éléments « { $area-words } »
}
# Après « à l’état ».
state = { $state ->
    [DRAFT] « brouillon »
    [SCHEDULED] « planifié »
    [RUNNING] « en cours »
    [PAUSED] « en pause »
    [FINISHED] « terminé »
    [COMPLETED] « achevé »
    [STOPPED] « arrêté »
    [LIVE] « en ligne »
    [ARCHIVED] « archivé »
    [DELETED] « supprimé »
   *[other] « { $state-words } »
}
# Après « l’approbation pour », « la demande visant à ».
deed = { $action ->
    [PUBLISH_EDITS] publier les modifications de « { $title } »
    [LAUNCH] lancer « { $title } »
    [START] démarrer « { $title } »
    [SCHEDULE] planifier « { $title } »
    [UNSCHEDULE] annuler la planification de « { $title } »
    [PAUSE] mettre en pause « { $title } »
    [RESUME] reprendre « { $title } »
    [FINISH] terminer « { $title } »
    [STOP] arrêter « { $title } »
    [ARCHIVE] archiver « { $title } »
    [PUBLISH] publier « { $title } »
    [DELETE] supprimer « { $title } »
   *[other] exécuter l’action « { $action-words } » sur « { $title } »
}
deed-title = { deed }
thing = { $action ->
    [PUBLISH_EDITS] Publication des modifications
    [LAUNCH] Lancement
    [START] Démarrage
    [SCHEDULE] Planification
    [UNSCHEDULE] Annulation de la planification
    [PAUSE] Mise en pause
    [RESUME] Reprise
    [FINISH] Fin
    [PUBLISH] Publication
    [DELETE] Suppression
   *[other] Action « { $action-words } »
} : { $kind ->
    [campaign] campagne
    [ab_test] test A/B
    [remote_config] variable de configuration distante
   *[other] { $kind-words }
} « { $title } »
now = { kind } est maintenant à l’état { state }.
unchanged = Rien n’a changé. { kind } est à l’état { state }.
moment = { $day ->
    [1] 1er
   *[other] { $day }
} { $month ->
    [1] janvier
    [2] février
    [3] mars
    [4] avril
    [5] mai
    [6] juin
    [7] juillet
    [8] août
    [9] septembre
    [10] octobre
    [11] novembre
   *[12] décembre
} { $year } à { $hour }:{ $minute } ({ $zone })
unknown-moment = à un moment inconnu

## Every mail

hello = Bonjour { $name },
hello-nobody = Bonjour,
reason = Vous recevez ce message parce que { $reason ->
    [ASSIGNED_APPROVER] vous avez été choisi(e) pour approuver cette demande
    [AREA_APPROVER] vous approuvez les demandes pour les { area }
    [SUBMITTER] vous avez soumis cette demande
    [OWNER] vous êtes responsable de ce dont il s’agit
    [ADMIN] vous êtes Admin de ce compte
    [INVITED] vous êtes invité(e) à rejoindre ce compte
   *[other] vous êtes membre de ce compte
}.
colon = { "\u00A0" }:
footer = Envoyé par Countersign. Ouvrir le lien ne décide rien ; la décision se prend sur la page.
view-request = Voir la demande
review-request = Examiner la demande
note-from = { $name } écrit
feedback-from = { $name } répond

## Facts, as label and value

fact-account = Compte
fact-what = Objet
fact-leads-to = Mène à
fact-submitted-by = Soumis par
fact-approved-by = Approuvé par
fact-rejected-by = Rejeté par
fact-cancelled-by = Annulé par
fact-applied-by = Appliqué par
fact-closed-by = Examen clos par
fact-lost = Ne décide plus
fact-when = Date
fact-audience = Audience
audience-active = Clients (lancement actif)
audience-test = Appareils de test uniquement
audience-passive = Personne (lancement passif)
fact-starts = Début
fact-ends = Fin
fact-winner = Variante gagnante
fact-approvals = Approbations
approvals = { $approvals } sur { $required ->
    [one] { $required } approbation
   *[other] { $required } approbations
}
approvals-so-far = { $approvals } sur { $required }
fact-decide-by = À décider avant le
fact-invited-by = Invitation par
fact-roles = { $count ->
    [one] Votre rôle
   *[other] Vos rôles
}
fact-accept-by = À accepter avant le

## Approval requests

submitted =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $actor } demande l’approbation pour { deed }
    .consequence = Rien ne change pour les clients avant la décision, et aucune modification n’est possible d’ici là.
approval-recorded =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $actor } a approuvé la demande visant à { deed }
    .consequence = Elle compte maintenant { approvals }.
assignment-expired =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $lost } ne { $count ->
        [one] peut
       *[other] peuvent
    } plus statuer sur la demande visant à { deed }
    .consequence = { $voided ->
        [0] Les autres personnes sollicitées peuvent toujours se prononcer ; la demande reste en attente.
       *[other] Ce qu’elles avaient approuvé ne compte plus : la demande compte maintenant { approvals } et reste en attente d’une décision.
    }
reassigned =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $actor } vous demande de statuer sur la demande visant à { deed }
    .consequence = Les approbateurs ont changé et vous en faites maintenant partie. Rien ne change pour les clients avant la décision.
reminded =
    .subject = Demande d’approbation : { deed-title }
    .headline = La demande visant à { deed } attend toujours une décision
    .consequence = Vous faites partie des personnes qui peuvent se prononcer. Rien ne change pour les clients d’ici là.
commented =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $actor } a commenté la demande visant à { deed }
    .consequence = La demande reste en attente d’une décision.
    .quote = { $actor } commente
approved =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $actor } a approuvé la demande visant à { deed }
    .consequence = { now }
rejected =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $actor } a rejeté la demande visant à { deed }
    .consequence = { unchanged }
cancelled =
    .subject = Demande d’approbation : { deed-title }
    .headline = { $actor } a annulé la demande visant à { deed }
    .consequence = Il n’y a plus rien à décider. { unchanged }
expired =
    .subject = Demande d’approbation : { deed-title }
    .headline = La demande visant à { deed } a expiré
    .consequence = { $expiry ->
        [NO_ELIGIBLE_APPROVERS] Il ne restait personne pour se prononcer.
       *[other] Personne ne s’est prononcé à temps.
    } { kind } accepte de nouveau les modifications ; pour continuer, soumettez une nouvelle demande.
reverted =
    .subject = Demande d’approbation : { deed-title }
    .headline = La demande visant à { deed } a pris fin
    .consequence = { $actor } a désactivé les approbations pour les { area }. { unchanged }

## Several reminders in one mail

reminders =
    .subject = { $count ->
        [one] { $count } demande attend votre décision
       *[other] { $count } demandes attendent votre décision
    }
    .headline = { $count ->
        [one] { $count } demande attend votre décision
       *[other] { $count } demandes attendent votre décision
    }
    .consequence = Rien ne change pour les clients avant la décision.
    .reason = Vous recevez ce message parce que vous faites partie des personnes qui peuvent statuer sur ces demandes.
    .footer = Envoyé par Countersign. Ouvrir un lien ne décide rien ; la décision se prend sur la page.

## Emergency bypasses and their reviews

bypassed =
    .subject = Contournement d’urgence : { deed-title }
    .headline = { $actor } a contourné l’approbation pour { deed }
    .consequence = L’effet a été immédiat, en urgence. { now } Une autre personne que { $actor } doit l’examiner et clore l’examen.
    .quote = Motif donné par { $actor }
    .link = Ouvrir l’examen
review-closed =
    .subject = Contournement d’urgence : { deed-title }
    .headline = { $actor } a clos l’examen d’un contournement par { $bypasser }
    .consequence = L’approbation avait été contournée pour { deed }. Il ne reste rien à faire.
    .link = Voir l’examen

## The workflow of an area

workflow-enabled =
    .subject = Approbations activées pour les { area }
    .headline = { $actor } a activé les approbations pour les { area }
    .consequence = Désormais, tout changement qui atteint les clients attend une deuxième personne.
workflow-disabled =
    .subject = Approbations désactivées pour les { area }
    .headline = { $actor } a désactivé les approbations pour les { area }
    .consequence = Désormais, les changements prennent effet immédiatement. Les demandes en attente ont pris fin ; les modifications soumises sont conservées.
## A policy that got weaker

policy-weakened =
    .subject = Règles d’approbation affaiblies pour les { area }
    .headline = { $actor } a affaibli les règles d’approbation pour les { area }
    .consequence = Vous recevez ce message parce que la deuxième signature protège moins désormais. Si cela vous surprend, parlez-en à { $actor } ou à un autre administrateur.
# The settings of a policy. $setting-words: for one that has no words here.
setting = { $setting ->
    [enabled] Approbations
    [required_approvals] Approbations nécessaires
    [allow_self_approval] Les demandeurs approuvent leurs demandes
    [exclude_authors] Les auteurs n’approuvent pas
    [cancellation] Qui peut annuler
    [request_max_age] Les demandes expirent après
    [minimum_lead_time] Délai minimal avant le lancement
    [cooling_off] Attente après un affaiblissement
   *[other] { $setting-words }
}
setting-change = { $before } → { $after }
setting-value = { $value ->
    [true] oui
    [false] non
    [NOBODY] personne
    [WRITERS] qui peut modifier, approbateurs et administrateurs
   *[other] { $value-words }
}
# $unit: the largest one of which there are $count whole ones.
span = { $unit ->
    [days] { $count ->
        [one] { $count } jour
       *[other] { $count } jours
    }
    [hours] { $count ->
        [one] { $count } heure
       *[other] { $count } heures
    }
    [minutes] { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }
   *[seconds] { $count ->
        [one] { $count } seconde
       *[other] { $count } secondes
    }
}
span-never = jamais
fact-changed-by = Modifié par
fact-cooling-off-until = N’approuve pas avant
open-countersign = Ouvrir Countersign

## Invitations

an-account = un compte
invitation =
    .subject = Invitation : { $account }
    .headline = { $actor } vous invite à rejoindre { $account } sur Countersign
    .consequence = Pour devenir membre, acceptez l’invitation. Elle ne sert qu’une fois.
    .consequence-until = Pour devenir membre, acceptez l’invitation. Elle ne sert qu’une fois, jusqu’au { $until }.
    .link = Voir l’invitation
    .footer = Envoyé par Countersign. Ouvrir le lien n’accepte rien ; l’acceptation se fait sur la page. Le lien n’est que pour vous : ne le transmettez pas. Si vous n’attendiez pas cette invitation, vous n’avez rien à faire.

## Ribbons

ribbon-decide = { $actor } demande l’approbation pour { deed }
ribbon-awaiting = En attente d’approbation : { $actor } a demandé à { deed }
ribbon-approved = { $actor } a approuvé la demande visant à { deed }
ribbon-rejected = { $actor } a rejeté la demande visant à { deed }
ribbon-cancelled = { $actor } a annulé la demande visant à { deed }
ribbon-expired = La demande visant à { deed } a expiré : { $expiry ->
    [NO_ELIGIBLE_APPROVERS] il ne restait personne pour se prononcer
   *[other] personne ne s’est prononcé à temps
}
ribbon-reverted = La demande visant à { deed } a pris fin : les approbations ont été désactivées
ribbon-updated = La demande visant à { deed } a été mise à jour
ribbon-review = { $actor } a contourné l’approbation pour { deed } : l’examen est ouvert
